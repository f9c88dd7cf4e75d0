/** The words of milter, by the octet or the bit that stands for each on the wire. draft-adams-milter-protocol-00. */

/** The newest version; earlier ones are spoken with who is older. */
export const VERSION = 6
/** Older ones are spoken by nobody. */
export const OLDEST_VERSION = 2

/** What the mail server says: the first octet of its frames. */
export const COMMAND = {
  /** The transaction is over, or there was none; connection and HELO stay. Never answered. */
  abort: 0x41,
  /** A piece of the body. */
  body: 0x42,
  connect: 0x43,
  /** Macros for the command that its first octet of data names. Never answered. */
  macros: 0x44,
  /** The end of the message: only now a filter may change something. */
  endOfMessage: 0x45,
  helo: 0x48,
  /** The session is over, and another follows on the same connection. Never answered. */
  quitSession: 0x4b,
  header: 0x4c,
  mail: 0x4d,
  endOfHeader: 0x4e,
  /** The first of all frames: what the server can do. */
  options: 0x4f,
  /** Never answered. */
  quit: 0x51,
  rcpt: 0x52,
  data: 0x54,
  /** A verb that the server does not know. */
  unknown: 0x55,
} as const

/** What a filter says: the first octet of its frames. */
export const ANSWER = {
  addRcpt: 0x2b,
  deleteRcpt: 0x2d,
  addRcptParameters: 0x32,
  /** Close the connection with 421. Internal to the mail server, as the draft calls it: we never say it. */
  shutdown: 0x34,
  accept: 0x61,
  replaceBody: 0x62,
  continue: 0x63,
  discard: 0x64,
  changeFrom: 0x65,
  /** Something is wrong with the connection. */
  connectionFailure: 0x66,
  addHeader: 0x68,
  insertHeader: 0x69,
  changeHeader: 0x6d,
  options: 0x4f,
  /** Still at work: the clock of the mail server begins anew. */
  progress: 0x70,
  /** Hold the message. No decision: one must follow. */
  quarantine: 0x71,
  reject: 0x72,
  /** No more of these, please. */
  skip: 0x73,
  tempfail: 0x74,
  /** A reply with code and text. */
  reply: 0x79,
} as const

/** What a filter may do at the end of a message: bits. */
export const ACTION = {
  addHeaders: 0x1,
  changeBody: 0x2,
  addRcpt: 0x4,
  deleteRcpt: 0x8,
  changeHeaders: 0x10,
  quarantine: 0x20,
  changeFrom: 0x40,
  addRcptParameters: 0x80,
  /** Not at the end of a message: it names the macros it wants. */
  chooseMacros: 0x100,
} as const

/** How a filter wants to be asked: bits. `no…`: the command is not sent. `quiet…`: it is sent, and its answer not waited for. */
export const STEP = {
  noConnect: 0x1,
  noHelo: 0x2,
  noMail: 0x4,
  noRcpt: 0x8,
  noBody: 0x10,
  noHeaders: 0x20,
  noEndOfHeader: 0x40,
  quietHeader: 0x80,
  noUnknown: 0x100,
  noData: 0x200,
  /** The server understands `skip`. */
  skip: 0x400,
  /** Recipients that the server itself refuses are shown, too. */
  refusedRcpt: 0x800,
  quietConnect: 0x1000,
  quietHelo: 0x2000,
  quietMail: 0x4000,
  quietRcpt: 0x8000,
  quietData: 0x1_0000,
  quietUnknown: 0x2_0000,
  quietEndOfHeader: 0x4_0000,
  quietBody: 0x8_0000,
  /** Header values come, and are to be sent, with the blank behind the colon; without it the server eats one, and adds one. */
  leadingSpace: 0x10_0000,
  /** Frames may have up to 256 KiB. */
  frames256K: 0x1000_0000,
  /** Frames may have up to 1 MiB. */
  frames1M: 0x2000_0000,
} as const

/** Where macros can be asked for, by the number that stands for each in negotiation. The end of the message comes before that of the header. */
export const MACRO_STAGE = { connect: 0, helo: 1, mail: 2, rcpt: 3, data: 4, endOfMessage: 5, endOfHeader: 6 } as const

const ACTIONS_OF_2 = 0x3f
const ACTIONS_OF_6 = 0x1ff
const STEPS_OF_2 = 0x7f
const FRAME_SIZES = STEP.frames256K | STEP.frames1M
const STEPS_OF_6 = 0x1f_ffff | FRAME_SIZES

/** The actions that exist in a version. */
export function actionsOf(version: number): number {
  return version >= 6 ? ACTIONS_OF_6 : ACTIONS_OF_2
}

/** The steps that exist in a version: `noUnknown` since 3, `noData` since 4, all others but those of 2 since 6. */
export function stepsOf(version: number): number {
  if (version >= 6) return STEPS_OF_6
  return STEPS_OF_2 | (version >= 3 ? STEP.noUnknown : 0) | (version >= 4 ? STEP.noData : 0)
}

/** Whether a command exists in a version: who does not know it may hang up. */
export function hasCommand(version: number, command: number): boolean {
  if (command === COMMAND.unknown) return version >= 3
  if (command === COMMAND.data) return version >= 4
  return command !== COMMAND.quitSession || version >= 6
}

/** Octets of data that a frame may have. */
export function frameSizeOf(steps: number): number {
  if ((steps & STEP.frames1M) !== 0) return 1_048_575
  return (steps & STEP.frames256K) !== 0 ? 262_143 : 65_535
}
