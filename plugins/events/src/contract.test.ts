import { EventWriter, MailOutbox } from '@postroad/queue-engine'
import { pluginContract } from '@postroad/testing'
import { memoryQueue } from '@postroad/testing/queue'
import { events } from './index.ts'

const { outbox } = memoryQueue().open()
pluginContract(events, {
  options: { endpoints: [{ name: 'here', deliver: () => undefined }] },
  services: [[MailOutbox, new EventWriter(async () => outbox, Date.now)]],
})
