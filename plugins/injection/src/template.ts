/** Templates: Mustache without partials. A name that no variable has is a mistake that is told, and not a gap in the mail. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suggestion } from '@postroad/options'
import Mustache from 'mustache'

/** Texts with names in them. */
export interface Template {
  readonly subject?: string | undefined
  readonly text?: string | undefined
  readonly html?: string | undefined
}

/** What is wrong with one part of a template, or its variables. */
export class TemplateError extends Error {
  /** The variable that is missing, as the template has it. */
  readonly missing: string | undefined
  constructor(message: string, missing?: string) {
    super(message)
    this.name = 'TemplateError'
    this.missing = missing
  }
}

/** Steps of one rendering: lists in lists must not make a text without end. */
const STEPS = 200_000
const KEPT = 200

const parsed = new Map<string, ReturnType<typeof Mustache.parse>>()

/**
 * The text of a template with its variables.
 *
 * @param limit octets that it may have
 * @throws {TemplateError} when it is none, names a variable that is missing, or becomes too long
 */
export function render(
  template: string,
  variables: Readonly<Record<string, unknown>>,
  { html, limit }: { readonly html: boolean; readonly limit: number },
): string {
  const tokens = parse(template) as unknown as string[][] // as the types of the library have it
  const writer = new StrictWriter(limit)
  const escaped = html ? Mustache.escape : (value: unknown) => String(value)
  const text = writer.renderTokens(tokens, new StrictContext(plain(variables)), undefined, template, {
    escape: escaped,
  })
  if (text.length > limit) throw new TemplateError(`becomes more than ${limit} characters`)
  return text
}

/** @throws {TemplateError} when it is no template */
export function parse(template: string): ReturnType<typeof Mustache.parse> {
  const known = parsed.get(template)
  if (known) return known
  let tokens: ReturnType<typeof Mustache.parse>
  try {
    tokens = new Mustache.Writer().parse(template)
  } catch (error) {
    throw new TemplateError(`is no template: ${error instanceof Error ? error.message : error}`)
  }
  if (hasPartial(tokens as readonly Token[])) throw new TemplateError('cannot include other templates ({{>…}})')
  if (parsed.size >= KEPT) parsed.clear()
  parsed.set(template, tokens)
  return tokens
}

type Token = readonly [kind: string, name: string, start: number, end: number, inner?: readonly Token[]]

function hasPartial(tokens: readonly Token[]): boolean {
  return tokens.some(([kind, , , , inner]) => kind === '>' || (Array.isArray(inner) && hasPartial(inner)))
}

/** Without what objects of JavaScript have of themselves. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const copy: Record<string, unknown> = Object.create(null)
  for (const [key, inner] of Object.entries(value)) copy[key] = plain(inner)
  return copy
}

class StrictContext extends Mustache.Context {
  readonly #parent: StrictContext | undefined

  constructor(view: unknown, parent?: StrictContext) {
    super(view, parent)
    this.#parent = parent
  }

  override push(view: unknown): StrictContext {
    return new StrictContext(view, this)
  }

  override lookup(name: string): unknown {
    if (name === '.') return this.view
    const [head = '', ...rest] = name.split('.')
    for (const context of this.#all()) {
      const view: unknown = context.view
      if (!has(view, head)) continue
      let value: unknown = view[head]
      for (const key of rest) {
        if (!has(value, key)) return this.#missing(name)
        value = value[key]
      }
      return value
    }
    return this.#missing(name)
  }

  *#all(): Generator<StrictContext> {
    yield this
    if (this.#parent) yield* this.#parent.#all()
  }

  #missing(name: string): never {
    const known: string[] = []
    for (const context of this.#all()) {
      const view: unknown = context.view
      if (typeof view === 'object' && view !== null) known.push(...Object.keys(view))
    }
    const near = suggestion(name, known)
    const text = `the template names ${JSON.stringify(name)}, and there is no such variable`
    throw new TemplateError(`${text}${near === undefined ? '' : `: did you mean ${JSON.stringify(near)}?`}`, name)
  }
}

function has(value: unknown, key: string): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, key)
}

class StrictWriter extends Mustache.Writer {
  readonly #limit: number
  #steps = 0
  #length = 0

  constructor(limit: number) {
    super()
    this.#limit = limit
  }

  override renderTokens(...args: Parameters<Mustache.Writer['renderTokens']>): string {
    this.#steps += 1 + (args[0] as readonly unknown[]).length
    if (this.#steps > STEPS) throw new TemplateError('repeats too much')
    return super.renderTokens(...args)
  }

  override escapedValue(...args: Parameters<Mustache.Writer['escapedValue']>): string {
    return this.#counted(super.escapedValue(...args))
  }

  override rawValue(token: string[]): string {
    return this.#counted(super.rawValue(token))
  }

  #counted(text: string): string {
    this.#length += text?.length ?? 0
    if (this.#length > this.#limit) throw new TemplateError(`becomes more than ${this.#limit} characters`)
    return text
  }
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*$/

/** Templates of a folder: `welcome.subject`, `welcome.txt`, `welcome.html`. Read each time: an edited one counts at once. */
export async function readTemplate(folder: string, name: string): Promise<Template | undefined> {
  if (!NAME.test(name) || name.length > 100) return undefined
  const read = (ending: string) =>
    readFile(join(folder, `${name}.${ending}`), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
  const [subject, text, html] = await Promise.all(['subject', 'txt', 'html'].map(read))
  return subject === undefined && text === undefined && html === undefined
    ? undefined
    : { subject: subject?.replace(/\r?\n$/, ''), text, html }
}
