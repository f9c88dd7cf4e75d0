/** One of several processes on the same folder: `worker.ts FOLDER ROUNDS`; prints how many places it got. */
import { embeddedLimiter, embeddedLock, embeddedStore } from './services.ts'

const [folder = '', rounds = '0'] = process.argv.slice(2)
const store = embeddedStore(folder)
const limiter = embeddedLimiter(folder)
const lock = embeddedLock(folder)

let places = 0
for (let i = 0; i < Number(rounds); i++) {
  await store.increment('counter')
  // Reading, waiting and writing: only the lock makes this add up.
  while (
    !(await lock.tryWith('critical', 5_000, async () => {
      const value = Number((await store.get('guarded')) ?? 0)
      await store.set('guarded', String(value + 1))
      return true
    }))
  );
  if (await limiter.acquire('places', 10, 60_000)) places++
}
await store.increment('places', places)
await limiter.close()
await lock.close()
await store.close()
