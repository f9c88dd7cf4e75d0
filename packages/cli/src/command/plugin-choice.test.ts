import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PluginCommand } from '@postroad/plugin'
import { type Commands, checkOptions, choose, unknownCommand, WrongUsage } from './plugin-choice.ts'

const command = (onlyLooks = false): PluginCommand => ({ summary: 'x', onlyLooks, run: async () => 0 })
const COMMANDS: Commands = new Map([
  ['queue', { list: command(), show: command(), suspend: command() }],
  ['routing@mx', { route: command(true) }],
  ['routing@submission', { route: command(true) }],
  ['auth-file@submission', { add: command(), list: command() }],
])
const OURS = ['start', 'check', 'explain', 'run']

const ask = (plugin: string | undefined, named?: string, ...rest: readonly string[]) =>
  choose({ plugin, command: named, rest, ours: OURS }, COMMANDS)
const names = (...asked: Parameters<typeof ask>) => {
  const { plugins, command, rest } = ask(...asked)
  return [[...plugins.keys()].join(), command, ...rest]
}

test('a plugin by its name, its name and scope, what it is about, or its command alone', () => {
  assert.deepEqual(names('queue', 'list', '--limit', '3'), ['queue', 'list', '--limit', '3'])
  assert.deepEqual(names('routing@mx', 'route', 'a@b'), ['routing@mx', 'route', 'a@b'])
  assert.deepEqual(names('user', 'add', 'alice'), ['auth-file@submission', 'add', 'alice'])
  assert.deepEqual(names('route', 'a@b'), ['routing@mx,routing@submission', 'route', 'a@b'])
  assert.throws(() => ask('list'), WrongUsage)
})

const WORDS: readonly (readonly [word: string | undefined, said: RegExp])[] = [
  ['chekc', /^"chekc" is neither a command nor a plugin .*; did you mean "check"\?$/],
  ['queu', /did you mean "queue"\?$/],
  ['rout', /did you mean "route"\?$/],
  ['usr', /did you mean "user"\?$/],
  ['auth-fil', /did you mean "auth-file"\?$/],
  ['something', /There are\n {2}postroad: start, check, explain, run\n {2}postroad queue: list, show, suspend\n/],
  [undefined, /^Name a plugin\.\n/],
]

for (const [word, said] of WORDS)
  test(`a word that is neither: ${word}`, () => {
    assert.throws(
      () => ask(word),
      (error) => error instanceof WrongUsage && said.test(error.message),
    )
  })

test('a command that a plugin does not have: what may be meant, or what there is', () => {
  const queue: Commands = new Map([['queue', COMMANDS.get('queue') ?? {}]])
  assert.equal(unknownCommand('lst', queue), '"lst" is no command of queue; did you mean "list"?')
  assert.equal(unknownCommand('x', queue), '"x" is no command of queue; there are list, show, suspend')
})

test('options are those of the usage; without a usage there are any', () => {
  const usage = '<id…> | [--from A] [--dry-run] | --all'
  for (const args of [['--from', 'a'], ['--from=a', '--dry-run'], ['-x', 'y'], ['--help'], []])
    checkOptions(args, usage)
  checkOptions(['--anything'], undefined)
  const wrong = (args: readonly string[], of: string): unknown => {
    try {
      return checkOptions(args, of)
    } catch (error) {
      return error instanceof WrongUsage && error.message
    }
  }
  assert.equal(wrong(['--frm=a'], usage), '--frm: there is no such option; did you mean "--from"?')
  assert.equal(wrong(['id', '--dryrun'], usage), '--dryrun: there is no such option; did you mean "--dry-run"?')
  assert.equal(wrong(['--x'], usage), '--x: there is no such option; there are --help, --from, --dry-run, --all')
  assert.equal(wrong(['--x'], ''), '--x: there is no such option; there are --help')
})
