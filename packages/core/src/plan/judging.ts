/** The hooks of a scope where another server takes responsibility. */
import type { HookTable } from './hook-table.ts'

/** The same table without what belongs to the server in charge: nobody is asked where mail goes, and nobody takes it. */
export function judging({
  route: _route,
  queue: _queue,
  quarantine: _quarantine,
  accepted: _accepted,
  auth: _auth,
  verify: _verify,
  expand: _expand,
  help: _help,
  unknown: _unknown,
  ...table
}: HookTable): HookTable {
  return table
}
