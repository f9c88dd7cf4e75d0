/** Puts a plugin under watch: its handlers see the same, may do only what they declared, and are told so when they do more. */
import { type Fact, HOOKS, type HookName, type HookOptions, type Plugin, type PluginInstance } from '@postroad/plugin'
import { wrongAnswer } from './answer.ts'
import { original, readOnly } from './read-only.ts'
import { currentRun, type HandlerRun, type Watch } from './watch.ts'

type Handler = (context: object) => unknown
type Spec = HookOptions & { readonly handler: Handler }

const NAMES: ReadonlySet<string> = new Set(HOOKS.map(({ name }) => name))
/** Immutable by themselves, or not data. */
const OPEN = new Set(['message', 'signal', 'log', 'attempt', 'now', 'find', 'get', 'set'])

/** The same plugin, watched. */
export function policed(plugin: Plugin, watch: Watch): Plugin {
  return {
    ...plugin,
    async setup(context) {
      const instance = await plugin.setup(context)
      const hooks = Object.entries(instance).map(([name, value]) => [
        name,
        NAMES.has(name) && isHook(value) ? watched(plugin.name, name as HookName, { value, watch }) : value, // just found among the names
      ])
      // `as`: the same keys with the same kinds of values.
      return Object.fromEntries(hooks) as PluginInstance
    },
  }
}

function isHook(value: unknown): value is Handler | Spec {
  return (
    typeof value === 'function' ||
    (typeof value === 'object' && value !== null && 'handler' in value && typeof value.handler === 'function')
  )
}

function watched(
  plugin: string,
  hook: HookName,
  { value, watch }: { readonly value: Handler | Spec; readonly watch: Watch },
): Spec {
  const spec: Spec = typeof value === 'function' ? { handler: value } : value
  const who = `${plugin}.${hook}`
  const observes = 'observes' in spec && spec.observes === true
  const judge = (said: unknown): unknown => {
    const answer = original(said)
    if (answer !== undefined) watch.answers.push({ plugin, hook, value: answer })
    const wrong =
      observes && answer !== undefined
        ? `${who} answers, and says beside the handler that it only observes: leave out one of the two.`
        : wrongAnswer(answer, hook, who)
    if (wrong) watch.violate(wrong)
    return answer
  }
  const handler = (context: object & { readonly signal: AbortSignal }): unknown => {
    const run: HandlerRun = { plugin, hook, signal: context.signal, waits: new Set() }
    watch.begin(run)
    let said: unknown
    try {
      said = currentRun.run(run, spec.handler, view(context, { spec, who, watch }))
    } catch (error) {
      watch.end(run)
      throw error
    }
    watch.onCall?.(hook)
    if (!isThenable(said)) {
      watch.end(run)
      return judge(said)
    }
    return Promise.resolve(said)
      .finally(() => watch.end(run))
      .then(judge)
  }
  // `as`: the host gives every handler a context with a signal.
  return { ...spec, handler: handler as Handler }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

interface Terms {
  readonly spec: Spec
  readonly who: string
  readonly watch: Watch
}

/** The context as the handler may use it. */
function view(context: object, { spec, who, watch }: Terms): object {
  const refuse = (path: string): never => {
    const sentence = `${who} changes ${path}, which is frozen: answer with an opinion, or write a fact (\`provides: [fact]\`, then \`set(fact, value)\`).`
    watch.violate(sentence)
    throw new TypeError(sentence)
  }
  return new Proxy(context, {
    get(target, key) {
      const found: unknown = Reflect.get(target, key, target)
      if (key === 'get') return reader({ spec, who, watch }, found as Reader) // the context's own function
      if (key === 'set') return writer({ spec, who, watch }, found as Writer) // the context's own function
      return typeof key === 'symbol' || OPEN.has(key) ? found : readOnly(found, key, refuse)
    },
    set: (_target, key) => refuse(String(key)),
    defineProperty: (_target, key) => refuse(String(key)),
    deleteProperty: (_target, key) => refuse(String(key)),
  })
}

type Reader = (fact: Fact<unknown>) => unknown
type Writer = (fact: Fact<unknown>, value: unknown) => void

function reader({ spec, who, watch }: Terms, get: Reader): Reader {
  return (fact) => {
    const declared = [...(spec.after ?? []), ...(spec.provides ?? [])]
    if (!declared.some((one) => typeof one !== 'string' && one.name === fact.name)) {
      const sentence = `${who} gets the fact "${fact.name}" without waiting for it: declare \`after: [fact]\` beside the handler, or use \`find\` where it may be absent.`
      watch.violate(sentence)
      throw new Error(sentence)
    }
    return get(fact)
  }
}

function writer({ spec, who, watch }: Terms, set: Writer): Writer {
  return (fact, value) => {
    if (!spec.provides?.some(({ name }) => name === fact.name))
      watch.violate(
        `${who} sets the fact "${fact.name}" without declaring it: add \`provides: [fact]\` beside the handler.`,
      )
    const plain = original(value)
    set(fact, plain)
    watch.facts.set(fact.name, plain)
  }
}
