/** The listeners of a scope: options of all kinds read, and their contradictions reported. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import type { OwnedRoute } from '@postroad/http'
import {
  type Certificate,
  type CertificateFiles,
  groupId,
  loadCertificates,
  makeSelfSigned,
  type PlaceOptions,
  type SelfSignedPlace,
  selfSignedFile,
  selfSignedPath,
} from '@postroad/listener'
import { textOf } from '@postroad/plugin'
import type { ServerSettings } from '../config/config.ts'
import type { ListenSettings } from '../config/listen.ts'
import type { Listen, ScopeSpec } from '../config/scope.ts'
import type { Mistakes } from '../errors.ts'
import { OPINION_HOOKS } from '../plan/compile.ts'
import type { AnyHandler } from '../plan/handler.ts'
import { flat, type HookTable } from '../plan/hook-table.ts'
import { judging } from '../plan/judging.ts'
import { mayMark, quarantineLevel } from '../policy/thresholds.ts'
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
  /** Nothing is made or changed. */
  readonly looks: boolean
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

/** Options of a kind with TLS. */
type Certified = Pick<ListenSettings, 'certificate' | 'certificateFiles' | 'selfSigned'>

async function listening(
  { protocol, options: given, name, place, isLost }: Listen,
  around: Around,
): Promise<Listening> {
  const { table, routes, config, base, folder, mistakes } = around
  // Kinds without TLS have none of these.
  const { certificateFiles = [], selfSigned = false, ...options }: Certified & typeof given = given
  const absolute = (file: string): string => path.resolve(base, file)
  const own = [certificateFiles].flat().map((one) => ({
    ...one,
    key: absolute(one.key),
    cert: absolute(one.cert),
    ...(one.ca ? { ca: absolute(one.ca) } : {}),
  }))
  const hostname = options.hostname ?? around.hostname
  if (selfSigned && (own.length > 0 || options.certificate))
    mistakes.add('ERR_LISTEN', `${name}: give either a certificate or selfSigned`)
  const made =
    selfSigned && own.length === 0 ? { folder: path.join(folder, 'certificates'), name: hostname } : undefined
  const { files, certificate, unkept }: Made =
    made === undefined
      ? { files: own, certificate: (await loaded(name, own, mistakes)) ?? options.certificate }
      : await selfMade(name, made, around)
  const kind = kindOf(protocol)
  const plan = await kind.plan(
    { ...options, ...(certificate && { certificate }), name, hostname },
    {
      base,
      folder,
      isUnread: (files.length > 0 || made !== undefined) && !certificate,
      hasAuth: counts(table.auth),
      routes,
      hooks: new Set(Object.entries(judging(table)).flatMap(([hook, handlers]) => (handlers ? [hook] : []))),
      tags: mayMark(config.thresholds) && givesPoints(table),
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
  const renews = made !== undefined && files.length > 0 ? made : undefined
  const warnings = unkept === undefined ? plan.warnings : [...plan.warnings, `${name}: ${unkept}`]
  return {
    ...plan,
    warnings,
    kind: kind.name,
    role: kind.role,
    protocol,
    name,
    place,
    socket,
    files,
    ...(renews && { renews }),
  }
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
): Promise<readonly Certificate[] | undefined> {
  if (files.length === 0) return undefined
  try {
    return await loadCertificates(files)
  } catch (cause) {
    mistakes.add('ERR_LISTEN', `${name}: certificateFiles: a certificate cannot be read`, cause)
    return undefined
  }
}

/** What is to be shown of a listener, and where it came from. */
interface Made {
  readonly files: readonly CertificateFiles[]
  readonly certificate: Certificate | readonly Certificate[] | undefined
  /** Why it is another one after the next start. */
  readonly unkept?: string
}

/** Who only looks gets one that nobody keeps: what it says of keywords is right all the same. */
async function selfMade(
  listener: string,
  place: SelfSignedPlace,
  { looks, mistakes }: Pick<Around, 'looks' | 'mistakes'>,
): Promise<Made> {
  try {
    const file = looks ? selfSignedPath(place) : await selfSignedFile(place)
    const files = [{ key: file, cert: file }]
    if (looks && !existsSync(file)) return { files: [], certificate: [selfMadeNow(place)] }
    return { files, certificate: await loaded(listener, files, mistakes) }
  } catch (error) {
    if (!isFull(error)) {
      mistakes.add('ERR_LISTEN', `${listener}: selfSigned: the certificate cannot be kept`, error)
      return { files: [], certificate: undefined }
    }
    // On a full disk a server starts all the same, and delivers; and its commands, which listen nowhere, make room.
    const unkept = `selfSigned: the certificate cannot be kept (${textOf(error)}), and another one is made at the next start`
    return { files: [], certificate: [selfMadeNow(place)], unkept }
  }
}

function selfMadeNow({ name }: SelfSignedPlace): Certificate {
  const pem = makeSelfSigned(name, { now: Date.now() })
  return { key: pem, cert: pem }
}

function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')
}

/** What can only be seen of all listeners of a configuration: that there is one, and that none has the name or the place of another. */
export function checkTogether(listening: readonly Listening[], listens: boolean, mistakes: Mistakes): void {
  if (listens && listening.length === 0) mistakes.add('ERR_NO_LISTENER', 'no scope listens')
  const names = new Set<string>()
  const places = new Set<string>()
  for (const { name, place, socket } of listening) {
    if (names.has(name)) mistakes.add('ERR_LISTEN_TWICE', `two listeners have the name "${name}"`)
    if (socket.port !== 0 && places.has(place)) mistakes.add('ERR_LISTEN_TWICE', `two listeners want ${place}`)
    names.add(name)
    places.add(place)
  }
}
