import assert from 'node:assert/strict'
import { test } from 'node:test'
import { callsIn } from './system-calls.ts'

test('what perf counted: all calls, and all that wait for a disk together', () => {
  const said = `817,,raw_syscalls:sys_enter,58124232,100.00,,
12,,syscalls:sys_enter_fsync,58124232,100.00,,
30,,syscalls:sys_enter_fdatasync,58124232,100.00,,
<not supported>,,syscalls:sys_enter_msync,0,100.00,,
`
  assert.deepEqual(callsIn(said), { calls: 817, syncs: 42 })
})

test('where perf may not count nothing is known, which is not none', () => {
  assert.equal(callsIn('<not counted>,,raw_syscalls:sys_enter,0,100.00,,\n'), undefined)
  assert.equal(callsIn('event syntax error\n'), undefined)
})
