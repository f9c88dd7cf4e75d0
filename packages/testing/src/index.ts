/** For plugin authors: a fluent session, SMTP dialogues, contracts, a fake clock, stores in memory. */
export { type DialogueLine, type DialogueOptions, parseDialogue, runDialogue } from './dialogue.ts'
export { type FakeClock, fakeClock } from './fake-clock.ts'
export { mail } from './mail.ts'
export { memoryLimiter, memoryLock, memoryStore } from './memory-store.ts'
export { FluentSession, type SessionOutcome, session, sessionOn, sessionWith } from './session.ts'
export { createTestServer, type Delivered, type TestServer, type TestServerOptions, type Used } from './test-server.ts'
