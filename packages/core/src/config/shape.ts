/** Parts of the schemas of configurations: each says in its own words what it must be. */
import { networkList } from '@postroad/smtp'
import { z } from 'zod'
import { must, unknownOption } from './sentence.ts'

/** It goes into replies as it is: nothing but a domain or a literal may be in it, RFC 5321 §2.3.5. */
export const hostName = z.string().refine((name) => /^[A-Za-z0-9._:[\]-]{1,255}$/.test(name), {
  error: ({ input }) => `${JSON.stringify(input)} is not a host name`,
})

/** Of listeners, which have always taken the short forms of inet_aton(3) too, and `unix` for clients without an address. */
export const networks = z.array(z.string().superRefine(checkNetwork).meta({ grammar: 'network, or unix' }), {
  error: must('a list of addresses and networks'),
})

/** At least one. */
export const count = whole(1)

/**
 * An object with these options and no others; what is undefined is not there.
 *
 * @param elsewhere what to say of a key that belongs somewhere else; undefined of others
 */
export function fields<S extends z.ZodRawShape>(
  shape: S,
  elsewhere: (key: string) => string | undefined = () => undefined,
): z.ZodObject<S, z.core.$strip> {
  const known = Object.keys(shape)
  const notHere = (key: string): string => elsewhere(key) ?? unknownOption(key, known)
  // `as`: of the type no others are to be seen either. A list of unknown keys, as zod has it, would be one mistake without a place.
  return z
    .object(shape)
    .catchall(z.undefined({ error: ({ path }) => notHere(String(path?.at(-1))) })) as unknown as z.ZodObject<
    S,
    z.core.$strip
  >
}

/** The same where every option may be left out. */
export function allOptional<S extends z.ZodRawShape>(shape: S, elsewhere?: (key: string) => string | undefined) {
  const optional = Object.fromEntries(Object.entries(shape).map(([key, one]) => [key, z.optional(one)]))
  return fields(optional as { [K in keyof S]: z.ZodOptional<S[K]> }, elsewhere) // it has just been made so
}

/** A whole number. */
export function whole(least: number, most = Number.MAX_SAFE_INTEGER) {
  const error = must(
    `a whole number ${most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`}`,
  )
  return z.int({ error }).min(least, { error }).max(most, { error })
}

/** More than nothing. */
export function share() {
  const error = must('a number above 0')
  return z.number({ error }).gt(0, { error })
}

/** Code. */
export function func<F>() {
  return z.custom<F>((value) => typeof value === 'function', 'must be a function')
}

function checkNetwork(entry: string, context: z.RefinementCtx): void {
  try {
    networkList([entry])
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) })
  }
}
