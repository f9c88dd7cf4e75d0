/** Messages of the queue contract, and a store that forgets: for the tests of the queue itself and of the stores that are held to the contract. */
export {
  address,
  at,
  done,
  gateOpen,
  makeMessage,
  octetsOf,
  sourceOf,
} from '../../../packages/testing/src/contract/queue-fixture.ts'
export { memoryQueue, memoryStore } from '../../../packages/testing/src/memory-queue.ts'
