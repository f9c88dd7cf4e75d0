/** A plugin that does what a test says, at each hook something else. */
import { parseAddress } from '@postroad/mail'
import {
  defer,
  definePlugin,
  discard,
  type Message,
  type MessageOpinion,
  quarantine,
  reject,
  rewrite,
} from '@postroad/plugin'
import fc from 'fast-check'

/** One step of what is done to a message. */
export type Edit =
  | { readonly kind: 'add' | 'replace'; readonly name: string; readonly value: string }
  | { readonly kind: 'remove'; readonly name: string; readonly which: string }
  | { readonly kind: 'body'; readonly text: string }

/** What the plugin says and does. */
export interface Behaviour {
  readonly connect: string
  readonly helo: string
  readonly mail: string
  readonly rcpt: string
  readonly data: string
  readonly message: string
  readonly edits: readonly Edit[]
  readonly from: string
  readonly add: readonly string[]
  readonly remove: readonly string[]
}

const OPINIONS: Readonly<Record<string, () => MessageOpinion>> = {
  reject: () => reject('Not here: 100% sure'),
  'reject with a status': () => reject('No such user', { status: '5.1.1' }),
  'reject in lines': () => reject('One\nTwo\nThree', { status: '5.7.9', code: 554 }),
  defer: () => defer('Later', { status: '4.7.1' }),
  'defer, closing': () => defer('Closing', { status: '4.3.2', code: 421, disconnect: true }),
  quarantine: () => quarantine('looks odd'),
  discard: () => discard('not wanted'),
}
const COMMANDS = ['reject', 'reject with a status', 'reject in lines', 'defer']

const mostly = (words: readonly string[]) =>
  fc.oneof({ weight: 9, arbitrary: fc.constant('') }, { weight: 1, arbitrary: fc.constantFrom(...words) })
const name = fc.constantFrom('A', 'B', 'Subject', 'Received', 'X-New')
const value = fc.constantFrom('v', 'w w', 'Grüße')
const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), name, value }),
  // The first Received is the server's own in process, and another one where another server has put its own on top.
  fc.record({ kind: fc.constant('replace' as const), name: name.filter((one) => one !== 'Received'), value }),
  fc.record({ kind: fc.constant('remove' as const), name, which: fc.constantFrom('1', '2', '3', '') }),
  fc.record({
    kind: fc.constant('body' as const),
    text: fc.constantFrom('', 'new\r\n', `${'long '.repeat(15)}\r\n`.repeat(2_000)),
  }),
)

/** Anything that a plugin may do, mostly little. */
export const behaviour: fc.Arbitrary<Behaviour> = fc.record({
  connect: mostly(COMMANDS),
  helo: mostly(COMMANDS),
  mail: mostly(COMMANDS),
  rcpt: mostly(COMMANDS),
  data: mostly(COMMANDS),
  message: fc.oneof(
    { weight: 4, arbitrary: fc.constant('') },
    { weight: 3, arbitrary: fc.constantFrom(...Object.keys(OPINIONS)) },
  ),
  edits: fc.array(edit, { maxLength: 4 }),
  from: fc.constantFrom('', '', '<>', 'other@client.test'),
  add: fc.subarray(['new@mx.test', '"a b"@mx.test'], { maxLength: 2 }),
  remove: fc.subarray(['b@mx.test', 'absent@mx.test']),
})

/** The plugin. */
export function oracle(said: Behaviour) {
  const opinion = (what: string) => OPINIONS[what]?.()
  // Only `message` has opinions that are no refusals, and the others are given none.
  const command = (what: string) => opinion(what) as ReturnType<typeof reject> | undefined
  return definePlugin({
    name: 'oracle',
    hooks: {
      connect: () => command(said.connect),
      helo: () => command(said.helo),
      mail: () => command(said.mail),
      rcpt: ({ recipient }) => (recipient.local === 'c' ? command(said.rcpt) : undefined),
      data: () => command(said.data),
      message: () => opinion(said.message),
      rewrite: {
        changes: 'body',
        async handler({ message }) {
          let edited = message
          for (const step of said.edits) edited = await apply(edited, step)
          return rewrite({
            message: edited,
            ...(said.from !== '' && { from: said.from === '<>' ? null : address(said.from) }),
            ...(said.add.length > 0 && { add: said.add.map(address) }),
            ...(said.remove.length > 0 && { remove: said.remove.map(address) }),
          })
        },
      },
    },
  })()
}

function address(text: string) {
  const found = parseAddress(text)
  if (!found) throw new TypeError(text)
  return found
}

/** Of the server's own field another server's filter knows nothing: what is done by name leaves it alone. */
async function apply(message: Message, step: Edit): Promise<Message> {
  if (step.kind === 'body') return message.withBody([Buffer.from(step.text)])
  if (step.kind === 'add') return message.withHeader(step.name, step.value)
  if (step.kind === 'remove')
    return message.withoutHeader(step.name, ({ value }) => !isOwn(value) && value.includes(step.which))
  return message.withReplacedHeader(step.name, step.value)
}

function isOwn(value: string): boolean {
  return value.includes('by mx.test')
}
