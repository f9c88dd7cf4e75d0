/** Messages of the queue contract, for the tests of the stores that are held to it. */
export { at, done, gateOpen, makeMessage, octetsOf, sourceOf } from '../../../packages/queue/src/contract-fixture.ts'
