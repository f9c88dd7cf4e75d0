import { test } from 'node:test'
import { session, sessionWith } from '@postroad/testing'
import { houseRule } from './house-rule.ts'

test('refuses the lottery', async () => {
  await session(houseRule())
    .data({ Subject: 'You have won!' })
    .expectRefusal('5.7.1', /ticket/)
})

test('lets an ordinary message through', async () => {
  await session(houseRule()).data({ Subject: 'Minutes' }).expectCode(250).expectDelivered()
})

test('shouting counts two points, and is not refused by itself', async () => {
  await sessionWith({ config: { thresholds: { reject: 2 } } }, houseRule())
    .data({ Subject: 'READ THIS NOW PLEASE' })
    .expectRefusal('5.7.1')
  await sessionWith({ config: { thresholds: { reject: 3 } } }, houseRule())
    .data({ Subject: 'READ THIS NOW PLEASE' })
    .expectCode(250)
})
