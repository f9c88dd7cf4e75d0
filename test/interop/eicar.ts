/** Archives of the test file of EICAR, which is found by everybody and harms nobody. */
import { EICAR, zipOf } from '../../plugins/clamav/src/specimen.ts'

export { EICAR }

/** It in so many archives, one in the other. */
export function nested(depth: number): Buffer {
  let inner: Buffer = EICAR
  for (let i = 0; i < depth; i++) inner = zipOf('a.zip', inner)
  return inner
}
