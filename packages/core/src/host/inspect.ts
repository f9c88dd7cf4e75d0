/** What would go wrong with a configuration once mail comes: ways that nobody takes, folders and files without the rights. */
import path from 'node:path'
import { groupId, mayGiveGroup } from '@postroad/listener'
import type { KnownWay } from '@postroad/plugin'
import { PostroadError } from '../errors.ts'
import type { AnyHandler } from '../plan/handler.ts'
import { DISCARD } from '../stages/takers.ts'
import type { CompiledScope, Generation, ServerContext } from './generation.ts'
import { fileProblem, folderProblem, type Problem, type WrittenPlace } from './places.ts'

/** Something that does not keep a server from starting, and mail from arriving. */
export interface Finding {
  /** Name of the scope it is in. */
  readonly scope: string
  readonly error: PostroadError
}

/** Places of one `via` that are named; the others are counted. */
const SHOWN = 5

/** Looks, and changes nothing. */
export async function inspect(generation: Generation, server: ServerContext): Promise<readonly Finding[]> {
  const ways = generation.scopes.filter(({ listening, roles }) => roles.takes && listening.length > 0).flatMap(lostWays)
  const places = [...(await folderFindings(generation, server)), ...(await fileFindings(generation))]
  return [...ways, ...lostReports(generation.scopes), ...places, ...(await groupFindings(generation))]
}

/** Ways of the `route` hooks that no queue in reach takes; asked as RCPT asks. */
function lostWays({ scope: { name, table } }: CompiledScope): readonly Finding[] {
  const takers = (table.queue ?? []).filter(({ shadow }) => !shadow)
  const isTaken = (via: string): boolean => via === DISCARD || takers.some(({ carries }) => !carries || carries(via))
  const lost = (table.route ?? []).flatMap((handler) => waysOf(handler, (via) => !isTaken(via)))
  return lost.map(({ plugin, via, at }) => {
    const text = `scope "${name}": ${plugin} sends mail by "${via}" (${at}), ${takers.length === 0 ? 'and nobody answers queue' : 'which nobody there takes'}`
    return { scope: name, error: new PostroadError('ERR_VIA', text) }
  })
}

/** What a queue sends by itself it has to carry itself. */
function lostReports(scopes: readonly CompiledScope[]): readonly Finding[] {
  const seen = new Set<AnyHandler['ways']>()
  const findings: Finding[] = []
  for (const {
    scope: { name, table },
  } of scopes) {
    for (const handler of table.queue ?? []) {
      if (seen.has(handler.ways)) continue
      seen.add(handler.ways)
      for (const { plugin, via, at } of waysOf(handler, (via) => via !== DISCARD && handler.carries?.(via) === false)) {
        const text = `scope "${name}": ${plugin} sends mail of its own by "${via}" (${at}), for which it has no transport`
        findings.push({ scope: name, error: new PostroadError('ERR_VIA', text) })
      }
    }
  }
  return findings
}

/** UNIX sockets that are to belong to a group which only root, or who is in it, can give. */
async function groupFindings({ scopes }: Generation): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  for (const { scope, listening } of scopes)
    for (const { name, socket: options } of listening) {
      const { path: socket, group } = options
      if (socket === undefined || group === undefined) continue
      const gid = await groupId(group).catch(() => undefined) // that there is none was said when it was compiled
      if (gid === undefined || (await mayGiveGroup(path.resolve(socket), gid))) continue
      const text = `${name}: this user cannot give ${socket} to the group ${group}: it is not in it, and not root`
      findings.push({ scope: scope.name, error: new PostroadError('ERR_GROUP', text) })
    }
  return findings
}

interface LostWay extends KnownWay {
  readonly plugin: string
}

/** Those that `isLost`, one for each `via`. */
function waysOf({ ways, plugin }: AnyHandler, isLost: (via: string) => boolean): readonly LostWay[] {
  const places = new Map<string, string[]>()
  for (const { via, at } of ways?.() ?? []) {
    if (!isLost(via)) continue
    const known = places.get(via) ?? []
    places.set(via, known)
    known.push(at)
  }
  return [...places].map(([via, all]) => {
    const more = all.length > SHOWN ? ` and ${all.length - SHOWN} more` : ''
    return { plugin, via, at: `${all.slice(0, SHOWN).join(', ')}${more}` }
  })
}

async function folderFindings(
  { places, scopes }: Generation,
  { folder, spool }: ServerContext,
): Promise<readonly Finding[]> {
  const scope = scopes[0]?.scope.name ?? ''
  const findings: Finding[] = []
  const seen = new Set<string>()
  const add = (problem: Problem | undefined, found: (problem: Problem) => Finding): void => {
    // One folder that is wrong is one mistake, however many want to be in it.
    if (problem && !seen.has(problem.place)) findings.push(found(problem))
    if (problem) seen.add(problem.place)
  }
  for (const path of [folder, spool])
    add(await folderProblem({ path, isMade: true }), ({ error }) => ({
      scope,
      error: new PostroadError('ERR_FOLDER', `folder ${folder} cannot be used: ${error.message}`, { cause: error }),
    }))
  for (const place of places.folders) add(await folderProblem(place), ({ error }) => unwritable(place, error))
  return findings
}

function unwritable({ plugin, at, path: folder, scope }: WrittenPlace, cause: Error): Finding {
  const text = `${plugin}: ${at === '' ? 'its folder' : at} ${folder} cannot be used: ${cause.message}`
  return { scope, error: new PostroadError('ERR_FOLDER', text, { cause }) }
}

async function fileFindings({ places }: Generation): Promise<readonly Finding[]> {
  const folders = new Set(places.folders.map((one) => path.resolve(one.path)))
  const findings: Finding[] = []
  for (const { path: file, plugin, scope } of places.files) {
    const problem = folders.has(file) ? undefined : await fileProblem(file)
    if (!problem) continue
    const text = `${plugin}: ${file} cannot be read: ${problem.error.message}`
    findings.push({ scope, error: new PostroadError('ERR_FILE', text, { cause: problem.error }) })
  }
  return findings
}
