/** The sudden death of a process, played behind its back. */
import { QueueDatabase } from '../../../packages/embedded/src/queue/database.ts'
import { thisOwner } from '../../../packages/embedded/src/queue/owners.ts'
import { encodeJson } from '../../../packages/embedded/src/queue/record.ts'

/** A pid that no process has. */
const NOBODY = 0x7fff_ffff

/** Makes the process of a store look gone to the others, as if it had ended: what it still says is then `lost`. */
export async function disown(folder: string, { owner }: { readonly owner: string }): Promise<void> {
  const database = await QueueDatabase.open({ folder })
  await database.commitReserved(() => database.tables.owners.put(owner, encodeJson({ ...thisOwner(0), pid: NOBODY })))
  await database.close()
}
