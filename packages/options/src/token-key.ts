/** A secret, and what is signed with it calls it. */
export interface TokenKey {
  readonly name: string
  readonly secret: Buffer
}
