/** For plugin authors: a fluent session, SMTP dialogues, contracts, a fake clock, stores in memory. */
export { limiterContract } from './contract/limiter.ts'
export { lockContract } from './contract/lock.ts'
export { type Ground, type MakeGround, storeContract } from './contract/store.ts'
export { transportContract } from './contract/transport.ts'
export type {
  Arrived,
  ClosableCarrier,
  Plight,
  TransportContractOptions,
  TransportGround,
  TransportPlace,
} from './contract/transport-ground.ts'
export { type DialogueLine, type DialogueOptions, parseDialogue, runDialogue } from './dialogue.ts'
export type { CaseOutcome, Expectation } from './expectation.ts'
export { type FakeClock, fakeClock } from './fake-clock.ts'
export { mail } from './mail.ts'
export { memoryLimiter, memoryLock, memorySpool, memoryStore } from './memory-store.ts'
export { type PluginContractOptions, pluginContract } from './plugin-contract.ts'
export { PROVIDER_REPLIES, type ProviderReply, saying } from './provider-reply.ts'
export { FluentSession, type SessionOutcome, session, sessionOn, sessionWith } from './session.ts'
export { createSink, type Sink, type SinkAnswer, type SinkOptions, type SinkStep, type SinkTransaction } from './sink.ts'
export { testDialogue } from './test-dialogue.ts'
export { type Factory, type PluginCase, testPlugin } from './test-plugin.ts'
export { createTestServer, type Delivered, type TestServer, type TestServerOptions, type Used } from './test-server.ts'
export type { Content, Said, Visit, VisitStage, WithParameters } from './visit.ts'
