/**
 * For those who write plugins: run a plugin in the real host, without sockets and without waiting, and be told what it does wrong.
 *
 * Four ways to test, from the shortest to the nearest to the wire:
 *
 *   testPlugin        a table: one session a row, told as data (session-script.ts), and what is expected of it (expectation.ts)
 *   pluginContract    what every plugin must stand: odd addresses, huge messages, clients that vanish, services that fail
 *   session           a fluent session, command by command, with the time in between
 *   runDialogue       an SMTP session as text, the client's lines and the server's; also against a server that runs elsewhere
 *
 * With `protocol: 'milter'` or `'policy'` the plugins stand in a server that another one asks, and what they say is a judgement (judged.ts).
 *
 * All of them stand on createTestServer (test-server.ts): the engine itself over fakes of its services (memory-store.ts, fakeClock, a sink for
 * deliveries). police.ts watches what a plugin does beside its answers, and leak.ts what it leaves open; each failure is a sentence that
 * says what to do.
 *
 * Who writes a store, a limiter, a lock or a transport holds it against the contract of its kind: the folder contract/. createSink is an SMTP
 * server that answers as it is told, to test what sends mail; provider-reply.ts has what large providers really say.
 *
 * Where to begin: test-plugin.ts, then test-server.ts.
 */
export { limiterContract } from './contract/limiter.ts'
export { lockContract } from './contract/lock.ts'
export { storeContract } from './contract/store.ts'
export { transportContract } from './contract/transport.ts'
export { parseDialogue, runDialogue } from './dialogue.ts'
export { type FakeClock, fakeClock } from './fake-clock.ts'
export { mail } from './mail.ts'
export { memoryLimiter, memoryLock, memorySpool, memoryStore } from './memory-store.ts'
export { pluginContract } from './plugin-contract.ts'
export { PROVIDER_REPLIES, providerScript } from './provider-reply.ts'
export { FluentSession, type SessionOutcome, session, sessionOn, sessionWith } from './session.ts'
export { createSink, type Sink, type SinkAnswer, type SinkOptions, type SinkStep } from './sink.ts'
export { testDialogue } from './test-dialogue.ts'
export { testPlugin } from './test-plugin.ts'
export { createTestServer, type TestServer, type TestServerOptions, type Used } from './test-server.ts'
