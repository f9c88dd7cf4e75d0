/** An action on many is asked twice: what would it do, and then, with the token of that answer, to do it. Once. */
import { createHash, randomBytes } from 'node:crypto'
import type { Store } from '@postroad/plugin'
import { CallRefused } from './answer.ts'
import type { Seal } from './seal.ts'

/** What a token of a preview says. */
interface Previewed {
  readonly id: string
  /** Of the order: another one cannot be carried out with it. */
  readonly order: string
  readonly by: string
  readonly messages: number
  readonly expires: number
}

/** Milliseconds that one may think it over. */
const LIFE = 600_000
/** From so many messages on the number has to be typed. */
const LARGE = 100
/** What cannot be undone. */
const FINAL: ReadonlySet<string> = new Set(['delete', 'bounce'])

/** Makes and takes tokens of previews. */
export class Previews {
  readonly #seal: Seal
  readonly #store: Store

  constructor(seal: Seal, store: Store) {
    this.#seal = seal
    this.#store = store
  }

  async offer(
    order: { readonly action: string },
    { by, messages, now }: { readonly by: string; readonly messages: number; readonly now: number },
  ): Promise<{ readonly token: string; readonly expires: number; readonly confirm: boolean }> {
    const value: Previewed = {
      id: randomBytes(12).toString('base64url'),
      order: digest(order),
      by,
      messages,
      expires: now + LIFE,
    }
    const confirm = messages >= LARGE || (messages > 1 && FINAL.has(order.action))
    return { token: await this.#seal.close('preview', value), expires: value.expires, confirm }
  }

  /**
   * The preview that a token is of. Who comes twice with one token is given the job that the first has begun: `job` of the answer.
   *
   * @throws {CallRefused} 409 when it is not of this order, of this caller, or too old
   */
  async take(
    token: string,
    {
      order,
      by,
      now,
      job,
    }: { readonly order: object; readonly by: string; readonly now: number; readonly job: string },
  ): Promise<{ readonly messages: number; readonly job: string }> {
    const value = (await this.#seal.open('preview', token)) as Previewed | undefined // sealed above
    if (!value || value.order !== digest(order) || value.by !== by)
      throw new CallRefused(409, 'This token is not of a preview of the same action: ask again with dryRun')
    if (value.expires <= now) throw new CallRefused(409, 'This preview is too old: ask again with dryRun')
    const first = await this.#store.setIfAbsent(`admin:done:${value.id}`, job, LIFE * 2)
    return { messages: value.messages, job: first }
  }
}

/** Keys in their order: two who mean the same write the same. */
function digest(order: object): string {
  const canonical = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(canonical)
      : typeof value === 'object' && value !== null
        ? Object.entries(value)
            .filter(([, one]) => one !== undefined)
            .toSorted(([a], [b]) => (a < b ? -1 : 1))
            .map(([key, one]) => [key, canonical(one)])
        : value
  return createHash('sha256')
    .update(JSON.stringify(canonical(order)))
    .digest('base64url')
}
