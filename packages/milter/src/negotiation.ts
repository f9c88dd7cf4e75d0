/** The first frame of both: which version is spoken, what a filter may do, and how it wants to be asked. */
import { MilterError } from './errors.ts'
import { macroName } from './macros.ts'
import { decode, textEnd } from './text.ts'
import { actionsOf, MACRO_STAGE, OLDEST_VERSION, STEP, stepsOf, VERSION } from './word.ts'

/** What one side can, or wants. */
export interface MilterOffer {
  readonly version: number
  /** Bits of `ACTION`. */
  readonly actions: number
  /** Bits of `STEP`. */
  readonly steps: number
}

/** Where macros can be asked for. */
export type MacroStage = keyof typeof MACRO_STAGE

/** Macros that a filter wants, in place of those that the mail server would send there; names without braces. */
export type WantedMacros = Readonly<Partial<Record<MacroStage, readonly string[]>>>

/** What a filter answers to an offer. */
export interface Agreement extends MilterOffer {
  readonly macros?: WantedMacros
}

const WORDS = 12
const STAGES = new Map<number, MacroStage>(
  Object.entries(MACRO_STAGE).map(([name, number]) => [number, name as MacroStage]), // they are its keys
)

/** @throws {MilterError} when the three words are not there */
export function parseOptions(data: Buffer): Agreement {
  if (data.length < WORDS) throw new MilterError(`an offer of ${data.length} octets: it has three words of four`)
  const options = { version: data.readUInt32BE(0), actions: data.readUInt32BE(4), steps: data.readUInt32BE(8) }
  return data.length === WORDS ? options : { ...options, macros: parseWanted(data) }
}

/** Lists of stages that are not known are passed over. */
function parseWanted(data: Buffer): WantedMacros {
  const wanted: Partial<Record<MacroStage, readonly string[]>> = {}
  for (let at = WORDS; at + 4 <= data.length; ) {
    const stage = STAGES.get(data.readUInt32BE(at))
    const end = textEnd(data, at + 4)
    if (stage !== undefined)
      wanted[stage] = decode(data.subarray(at + 4, end))
        .split(/[ ,]+/)
        .filter(Boolean)
        .map((name) => name.replace(/^\{(.+)\}$/, '$1'))
    at = end + 1
  }
  return wanted
}

/** The parts of a frame that says it. */
export function formatOptions({ version, actions, steps, macros = {} }: Agreement): readonly (number | string)[] {
  const lists = Object.entries(macros).flatMap(([stage, names]) => [
    MACRO_STAGE[stage as MacroStage], // they are its keys
    `${names.map(macroName).join(' ')}\0`,
  ])
  return [version, actions, steps, ...lists]
}

/**
 * What a filter answers: the lower version, of what it wants what is offered and exists in that version.
 *
 * @throws {MilterError} when the offer is of a version that nobody speaks
 */
export function agree(offer: MilterOffer, wanted: Omit<Agreement, 'version'>): Agreement {
  if (offer.version < OLDEST_VERSION) throw new MilterError(`version ${offer.version} is not spoken`)
  const version = Math.min(offer.version, VERSION)
  const mayChoose = version >= 6 && (offer.actions & wanted.actions & CHOOSE) !== 0
  return {
    version,
    actions: (offer.actions & wanted.actions & actionsOf(version)) >>> 0,
    steps: (offer.steps & wanted.steps & stepsOf(version)) >>> 0,
    ...(mayChoose && wanted.macros && { macros: wanted.macros }),
  }
}

const CHOOSE = 0x100

/**
 * What a mail server makes of a filter's answer. Steps that were not offered, or do not exist in its version, are passed over, as Postfix does.
 *
 * @throws {MilterError} when it wants to do what was not offered, or speaks a version that was not
 */
export function checkAgreement(offer: MilterOffer, answer: Agreement): Agreement {
  const { version, actions, steps } = answer
  if (version > offer.version || version < OLDEST_VERSION)
    throw new MilterError(`the filter speaks version ${version}, and ${offer.version} was offered`)
  const beyond = (actions & ~(offer.actions & actionsOf(version))) >>> 0
  if (beyond !== 0) throw new MilterError(`the filter wants actions that were not offered: 0x${beyond.toString(16)}`)
  // Not offering it is no refusal: it says only that `skip` is understood, and the size of frames is for both to know.
  return { ...answer, steps: (steps & offer.steps & stepsOf(version)) >>> 0 }
}

/** Whether a filter of these steps is sent a command, and waited for: names of bits are `no…` and `quiet…`. */
export function hasStep(steps: number, step: keyof typeof STEP): boolean {
  return (steps & STEP[step]) !== 0
}
