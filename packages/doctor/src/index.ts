/**
 * Whether a mail server, and what is published of it, are as they have to be: a list of checks, each with a name, what it goes by, and what it
 * finds: a state, evidence, and what to do.
 *
 *   check.ts          what a check is, and all that it is given (DoctorContext)
 *   checks.ts         the list
 *   check/            one file a subject: names and reverse DNS, MX, SPF, DMARC, published TLS, lists, certificates, the machine, our own listeners
 *   sender/           the rules of the large receivers for who sends mail of a domain: `diagnose(context, { of: 'sender' })`
 *   diagnose.ts       runs them at the same time, each with a limit
 *   world.ts          the machine and the network as checks see them; machine-world.ts is the real one
 *   look.ts, probe-client.ts  questions to DNS, and to a listener
 *
 * Nothing here changes anything or completes a message. Errors are no evidence: DNS that does not answer, and a check that throws, are remarks.
 * Plugins bring checks of their own (`checks` of a plugin instance): whether a key of DKIM is the one that is published only who has it can tell.
 *
 * Where to begin: check.ts, then check/mx.ts.
 */
export type { Blocklist, DoctorContext, DoctorListener, InboundTls } from './check.ts'
export { CHECKS } from './checks.ts'
export { countStates, type Diagnosis, diagnose } from './diagnose.ts'
export { machineWorld, publicAddresses } from './machine-world.ts'
export { readSampleMessage } from './sender/sample-message.ts'
