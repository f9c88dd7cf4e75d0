/** Hashes of features: 32 bits, spread so that any of them can be cut off for a table. */

/** Takes one more number into a running hash. */
export function take(hash: number, value: number): number {
  const mixed = Math.imul(hash ^ value, 0x9e3779b1)
  return mixed ^ (mixed >>> 15)
}

/** The last step: without it the low bits of families that differ only in their beginning are alike. */
export function finish(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

/** A running hash that has taken the UTF-16 units of a text. */
export function takeText(hash: number, text: string): number {
  let running = hash
  for (let i = 0; i < text.length; i++) running = take(running, text.charCodeAt(i))
  return running
}
