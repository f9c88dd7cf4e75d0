/** The other end does not speak milter, or not as it said it would: nothing that follows can be believed, and the connection is closed. */
export class MilterError extends Error {
  override readonly name = 'MilterError'
}
