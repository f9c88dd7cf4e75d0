/** How busy the machine is, so that a limit in milliseconds means the same on one that has other work. */
import assert from 'node:assert/strict'
import { cpuMs } from '../runner/cpu.ts'

const octets = Buffer.alloc(25 * 1024 * 1024, 'x')
/** What a hash of the octets costs, made in a plain loop, on a machine that has nothing else to do. */
const FLOOR_MS = 30

/** By how much everything takes longer now; 1 at least. */
export function busyness(): number {
  const started = process.cpuUsage()
  let sum = 1
  for (let at = 0; at < octets.length; at++) sum = Math.imul(sum ^ (octets[at] ?? 0), 0x01000193)
  assert.notEqual(sum, 0)
  return Math.max(1, cpuMs(started) / FLOOR_MS)
}
