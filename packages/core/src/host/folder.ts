/** The folder of everything that is kept. */
import { access, constants, mkdir } from 'node:fs/promises'
import { PostroadError } from '../errors.ts'

/** @throws {PostroadError} `ERR_FOLDER` when it cannot be made, or not be written */
export async function makeFolder({
  folder,
  spool,
}: {
  readonly folder: string
  readonly spool: string
}): Promise<void> {
  try {
    await mkdir(spool, { recursive: true, mode: 0o700 })
    await access(spool, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw new PostroadError(
      'ERR_FOLDER',
      `folder ${folder} cannot be used: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    )
  }
}
