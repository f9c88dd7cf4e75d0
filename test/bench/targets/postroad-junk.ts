/** Postroad with the checks of a mail exchanger, and the filter that learns, which has learned enough to act. */
import { join } from 'node:path'
import { junk } from '@postroad/junk'
import { fakeClock, memoryLock } from '@postroad/testing'
import { options } from '../../../plugins/junk/src/options.ts'
import { School } from '../../../plugins/junk/src/school.ts'
import { syntheticMail } from '../../junk/synthetic.ts'
import type { Target } from '../target.ts'
import { startPolicy } from './postroad-policy.ts'

/** Of these three in five are wanted: enough for this budget. */
const MESSAGES = 1_600
const BUDGET = { budget: '1 in 100', minimum: { spam: 200, ham: 200, users: 1 } }

export const target: Target = {
  title: 'Postroad with the checks of a mail exchanger, and a junk filter that has learned 1,600 messages',
  start: async (place) => {
    const folder = join(place.folder, 'junk')
    await teach(folder)
    return await startPolicy(place, [junk({ ...BUDGET, folder })])
  },
}

async function teach(folder: string): Promise<void> {
  const school = new School({
    folder: async () => folder,
    options: options.parse(BUDGET),
    hostname: 'mx.postroad.test',
    clock: fakeClock(),
    lock: memoryLock(),
    log: { debug() {}, info() {}, warn() {}, error() {} },
    isReadOnly: false,
  })
  const teacher = await school.open()
  const mail = syntheticMail(MESSAGES, 1)
  await Promise.all(mail.map(({ label, text }) => teacher.teach(Buffer.from(text), { label, source: 'command' })))
  const { isReady, missing } = teacher.keeper.mind.readiness()
  await teacher.keeper.save()
  await school.close()
  if (!isReady) throw new Error(`the filter has not learned enough: ${missing.join('; ')}`)
}
