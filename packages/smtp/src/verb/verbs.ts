/** All that a client can say, as the connection is given it. */
import type { Verbs } from '../session/conversation.ts'
import { respond } from './auth.ts'
import { chunkEnd } from './bdat.ts'
import { dispatch } from './dispatch.ts'
import { greet } from './greet.ts'
import { content, messageEnd } from './message.ts'

/** The verbs of SMTP and LMTP. */
export const VERBS: Verbs = Object.freeze({ greet, dispatch, respond, content, messageEnd, chunkEnd })
