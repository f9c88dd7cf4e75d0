import { test } from 'node:test'
import { sessionWith } from '@postroad/testing'
import { ofMessages, ofRecipients } from './checks.ts'

const from = 'bob@sender.test'
const to = 'ann@example.test'

test('the rule of the house holds where a milter is asked', async () => {
  const ask = () =>
    sessionWith({ protocol: 'milter' }, ...ofMessages())
      .mail(from)
      .rcpt(to)
  await ask().data({ Subject: 'You have won!' }).expectRefusal('5.7.1')
  await ask().data({ Subject: 'Minutes' }).expectAccepted()
})

test('who is not known has to come again', async () => {
  await sessionWith({ protocol: 'policy' }, ...ofRecipients())
    .mail(from)
    .rcpt(to)
    .expectRefusal('4.7.1')
})
