/** Tables of cases for a plugin: what a client sends, and what comes of it. Each runs in the real host, without sockets, under watch. */
import { describe, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import type { Plugin } from '@postroad/plugin'
import { sameAsFilter } from './both-roles.ts'
import { runCase, type Surroundings } from './case.ts'
import { EXPECTATION_KEYS, type Expectation } from './expectation.ts'
import { isJudging, notTaken } from './judged.ts'
import { SESSION_KEYS, type SessionScript } from './session-script.ts'

/** A plugin's factory, as `definePlugin` makes it. */
export type Factory<A extends readonly unknown[]> = ((...options: A) => Plugin) & { readonly pluginName: string }

/** One row of a table: a {@link SessionScript}, where it takes place, and what is expected. */
export interface PluginCase<O = unknown> extends SessionScript, Surroundings {
  /** A sentence that says what the plugin does. */
  readonly name: string
  /** Of the plugin. */
  readonly options?: O
  /** Sessions held before, whose outcome is not looked at. */
  readonly earlier?: readonly SessionScript[]
  /** Milliseconds of fake time between those and this session. */
  readonly wait?: number
  /** `accepted`; an enhanced status, with which it is refused at the last command of the case; or anything else there is to see. */
  readonly expect: 'accepted' | `${4 | 5}.${number}.${number}` | Expectation
}

const SURROUNDINGS = ['services', 'config', 'clock', 'protocol', 'use', 'with', 'patience'] as const
const OWN = ['name', 'options', 'earlier', 'wait', 'expect'] as const
/** Expectations of a server that takes mail, and of one that judges it for another. */
const OF_TAKING: readonly string[] = ['route', 'delivered', 'headers', 'codes']
const OF_JUDGING: readonly string[] = ['outcome', 'edits', 'envelope']
const CASE_KEYS: ReadonlySet<string> = new Set([...SESSION_KEYS, ...SURROUNDINGS, ...OWN])

/**
 * Registers one test a case. A case fails when the outcome is not as expected, and also when the plugin does what no plugin may:
 * changes what it was given, reads or writes facts it has not declared, answers what is no answer, goes on after its signal fired, or
 * leaves timers, sockets or files behind; and when it refuses otherwise where another server takes the mail; the message says what to do.
 *
 * @param defaults for every case
 * @throws {TypeError} when a case has an unknown key, expects nothing, or asks what another one asks
 * @example
 * testPlugin(greylist, [
 *   { name: 'RFC 6647 §2.4: a stranger has to wait', rcpt: 'bob@mx.test', expect: '4.7.1' },
 *   { name: 'and may then pass', earlier: [{ rcpt: 'bob@mx.test' }], wait: 300_000, rcpt: 'bob@mx.test', expect: 'accepted' },
 * ])
 */
export function testPlugin<A extends readonly unknown[]>(
  factory: Factory<A>,
  cases: readonly PluginCase<A[0]>[],
  defaults: Partial<PluginCase<A[0]>> = {},
): void {
  checkTable(cases, defaults)
  describe(factory.pluginName, () => {
    for (const own of cases) {
      const merged: PluginCase<A[0]> = { ...defaults, ...own }
      const { name, earlier = [], wait = 0, expect, options } = merged
      // `as`: the factory's own options, or none where all of them have defaults.
      const make = (): Plugin => factory(...((options === undefined ? [] : [options]) as unknown as A))
      const parts = { make, surroundings: merged, earlier, wait, session: merged, expected: inFull(expect) }
      test(name, async () => {
        await runCase(parts)
        if (isForBothRoles(merged)) await sameAsFilter(parts)
      })
    }
  })
}

/** What takes mail, and comes to a command that a server in charge asks about. */
function isForBothRoles({ protocol = 'smtp', expect, mail, rcpt, data }: PluginCase): boolean {
  if (isJudging(protocol) || (typeof expect === 'object' && expect.mistake)) return false
  return mail !== undefined || rcpt !== undefined || data !== undefined
}

function inFull(expect: PluginCase['expect']): Expectation {
  if (expect === 'accepted') return { accepted: true }
  return typeof expect === 'string' ? { refused: expect } : expect
}

function checkTable(cases: readonly PluginCase[], defaults: Partial<PluginCase>): void {
  if (cases.length === 0) throw new TypeError('testPlugin: the table is empty: write a case')
  for (const [index, one] of cases.entries()) {
    checkCase(one)
    checkRole({ ...defaults, ...one })
    const twin = cases
      .slice(0, index)
      .find((other) => other.name === one.name || isDeepStrictEqual(question(other), question(one)))
    if (twin)
      throw new TypeError(
        `testPlugin: the cases "${twin.name}" and "${one.name}" are the same: delete one, or change what it sends`,
      )
  }
  checkKeys(Object.keys(defaults), CASE_KEYS, 'the defaults')
}

function question({ name: _name, expect: _expect, ...rest }: PluginCase): object {
  return rest
}

function checkCase({ name, expect, ...rest }: PluginCase): void {
  if (typeof name !== 'string' || name.trim() === '')
    throw new TypeError('testPlugin: a case has no name: give it a sentence that says what the plugin does')
  checkKeys(Object.keys(rest), CASE_KEYS, `the case "${name}"`)
  if (typeof expect === 'string') {
    if (expect !== 'accepted' && !/^[45]\.\d{1,3}\.\d{1,3}$/.test(expect))
      throw new TypeError(
        `testPlugin: the case "${name}" expects "${expect}": write 'accepted', a status such as '5.7.1', or an object`,
      )
    return
  }
  if (Object.values(expect ?? {}).every((value) => value === undefined))
    throw new TypeError(
      `testPlugin: the case "${name}" expects nothing: say 'accepted', a status, or what is to be seen`,
    )
  checkKeys(Object.keys(expect), new Set(EXPECTATION_KEYS), `what the case "${name}" expects`)
  if (expect.accepted && expect.refused)
    throw new TypeError(`testPlugin: the case "${name}" expects acceptance and refusal: delete one`)
}

/** What only one of the roles has. */
function checkRole({ name, protocol = 'smtp', command, expect }: PluginCase): void {
  const expected = typeof expect === 'string' ? [] : Object.keys(expect)
  const odd = expected.find((key) => (isJudging(protocol) ? OF_TAKING : OF_JUDGING).includes(key))
  if (odd !== undefined)
    throw new TypeError(
      `testPlugin: the case "${name}" expects "${odd}": ${notTaken(protocol) ?? `a server that speaks ${protocol} takes mail, and judges it for nobody: give the case protocol: 'milter'`}`,
    )
  if (isJudging(protocol) && command !== undefined)
    throw new TypeError(
      `testPlugin: the case "${name}" sends "${command}", which the server that takes the mail answers: delete it, or protocol: '${protocol}'`,
    )
}

function checkKeys(keys: readonly string[], known: ReadonlySet<string>, where: string): void {
  for (const key of keys)
    if (!known.has(key))
      throw new TypeError(
        `testPlugin: ${where} has the key "${key}", which nobody reads: there are ${[...known].join(', ')}`,
      )
}
