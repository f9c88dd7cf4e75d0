import path from 'node:path'
import { type CertificateFiles, groupId, loadCertificates } from '@postroad/listener'
import { type ListenerOptions, listenerMistakes } from '@postroad/smtp'
import type { ServerSettings } from '../config/config.ts'
import type { Listen, ScopeSpec } from '../config/scope.ts'
import type { Mistakes } from '../errors.ts'
import { OPINION_HOOKS } from '../plan/compile.ts'
import type { AnyHandler } from '../plan/handler.ts'
import { flat, type HookTable } from '../plan/hook-table.ts'
import { quarantineLevel } from '../policy/thresholds.ts'

/** A listener that is to be opened. */
export interface Listening {
  readonly options: ListenerOptions
  /** Where: `host:port` or a path. */
  readonly place: string
  /** Absolute; watched while it listens. */
  readonly files: readonly CertificateFiles[]
}

/** What is known of the scope. */
interface Around {
  readonly table: HookTable
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

/** Free octets below which a listener is under stress. */
const SCARCE = 268_435_456

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

async function listening({ options: given, name, place, isLost }: Listen, around: Around): Promise<Listening> {
  const { certificateFiles = [], ...options } = given
  const absolute = (file: string): string => path.resolve(around.base, file)
  const files = [certificateFiles].flat().map((one) => ({
    ...one,
    key: absolute(one.key),
    cert: absolute(one.cert),
    ...(one.ca ? { ca: absolute(one.ca) } : {}),
  }))
  const certificate = files.length > 0 ? await loaded(name, files, around.mistakes) : options.certificate
  const stress = { disk: { path: around.folder, freeBytes: SCARCE }, ...options.stress }
  const full = {
    ...options,
    ...(certificate ? { certificate } : {}),
    name,
    stress,
    hostname: options.hostname ?? around.hostname,
  }
  // What certificates that cannot be read would have been good for is no mistake of its own.
  const isUnread = files.length > 0 && !certificate
  const { port, path: socket } = full
  if (!isLost && (port === undefined) === (socket === undefined))
    around.mistakes.add('ERR_LISTEN', `${name}: give either a port or the path of a UNIX socket`)
  checkOne(isUnread ? { ...full, tls: 'optional' } : full, around)
  // What is no group at all was said just now.
  if (typeof full.group === 'string' && full.path !== undefined)
    await groupId(full.group).catch((error: Error) => around.mistakes.add('ERR_LISTEN', `${name}: ${error.message}`))
  return { place, files, options: full }
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

function checkOne(options: ListenerOptions, { table, mistakes }: Around): void {
  const { name, auth } = options
  for (const mistake of listenerMistakes(options)) mistakes.add('ERR_LISTEN', `${name}: ${mistake}`)
  if (auth === 'required' && !counts(table.auth)) mistakes.add('ERR_NO_AUTH', `${name} requires AUTH`)
}
