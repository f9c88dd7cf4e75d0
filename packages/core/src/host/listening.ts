/** The listeners of a scope: options of all kinds read, and their contradictions reported. */
import path from 'node:path'
import type { OwnedRoute } from '@postroad/http'
import { type CertificateFiles, groupId, loadCertificates, type PlaceOptions } from '@postroad/listener'
import type { ServerSettings } from '../config/config.ts'
import type { Listen, ScopeSpec } from '../config/scope.ts'
import type { Mistakes } from '../errors.ts'
import { OPINION_HOOKS } from '../plan/compile.ts'
import type { AnyHandler } from '../plan/handler.ts'
import { flat, type HookTable } from '../plan/hook-table.ts'
import { quarantineLevel } from '../policy/thresholds.ts'
import type { Listening } from './listener-kind.ts'
import { kindOf } from './listener-kinds.ts'

/** What is known of the scope. */
interface Around {
  readonly table: HookTable
  readonly routes: readonly OwnedRoute[]
  readonly config: ServerSettings
  readonly hostname: string
  /** Relative paths of certificates start here. */
  readonly base: string
  /** What is kept; when its disk is nearly full, the listener is under stress. */
  readonly folder: string
  /** Somebody here takes responsibility for mail. */
  readonly takes: boolean
  readonly mistakes: Mistakes
}

/** The listeners of a scope, their contradictions reported. */
export async function checkListeners(scope: ScopeSpec, around: Around): Promise<readonly Listening[]> {
  const { table, config, mistakes, takes } = around
  const level = quarantineLevel(config.thresholds)
  if (takes && scope.listens.length > 0 && level !== undefined && !counts(table.quarantine) && givesPoints(table))
    mistakes.add('ERR_NO_QUARANTINE', `scope "${scope.name}" would have nowhere to put a message of ${level} points`)
  return Promise.all(scope.listens.map((one) => listening(one, around)))
}

/** Somebody of the scope might: where nobody does, no threshold is ever met. */
function givesPoints(table: HookTable): boolean {
  return OPINION_HOOKS.some((hook) => counts(flat(table[hook]).filter(({ points }) => points)))
}

/** Whether somebody's answer is obeyed: of who runs in the shadow, or only observes, none ever is. */
export function counts(handlers: readonly (readonly AnyHandler[])[] | readonly AnyHandler[] | undefined): boolean {
  return flat(handlers).some(({ shadow, observes }) => !shadow && !observes)
}

async function listening(
  { protocol, options: given, name, place, isLost }: Listen,
  around: Around,
): Promise<Listening> {
  const { table, routes, base, folder, mistakes } = around
  const { certificateFiles = [], ...options } = given
  const absolute = (file: string): string => path.resolve(base, file)
  const files = [certificateFiles].flat().map((one) => ({
    ...one,
    key: absolute(one.key),
    cert: absolute(one.cert),
    ...(one.ca ? { ca: absolute(one.ca) } : {}),
  }))
  const certificate = files.length > 0 ? await loaded(name, files, mistakes) : options.certificate
  const kind = kindOf(protocol)
  const plan = await kind.plan(
    { ...options, ...(certificate && { certificate }), name, hostname: options.hostname ?? around.hostname },
    {
      base,
      folder,
      isUnread: files.length > 0 && !certificate,
      hasAuth: counts(table.auth),
      routes,
      mistake: (code, message) => mistakes.add(code, message),
    },
  )
  const socket = socketOf(options)
  const { port, path: file, group } = socket
  if (!isLost && (port === undefined) === (file === undefined))
    mistakes.add('ERR_LISTEN', `${name}: give either a port or the path of a UNIX socket`)
  // What is no group at all was said just now.
  if (typeof group === 'string' && file !== undefined)
    await groupId(group).catch((error: Error) => mistakes.add('ERR_LISTEN', `${name}: ${error.message}`))
  return { ...plan, kind: kind.name, role: kind.role, protocol, name, place, socket, files }
}

function socketOf({ port, host, path: file, mode, group }: PlaceOptions): PlaceOptions {
  return {
    ...(port !== undefined && { port }),
    ...(host !== undefined && { host }),
    ...(file !== undefined && { path: file }),
    ...(mode !== undefined && { mode }),
    ...(group !== undefined && { group }),
  }
}

async function loaded(
  name: string,
  files: readonly CertificateFiles[],
  mistakes: Mistakes,
): Promise<Awaited<ReturnType<typeof loadCertificates>> | undefined> {
  try {
    return await loadCertificates(files)
  } catch (cause) {
    mistakes.add('ERR_LISTEN', `${name}: certificateFiles: a certificate cannot be read`, cause)
    return undefined
  }
}
