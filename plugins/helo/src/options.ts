/** What an operator may say to `helo`. */
import { action, domainPattern, network } from '@postroad/options/zod'
import { z } from 'zod'

/** The options of {@link helo}. */
export const options = z.strictObject({
  reverse: z
    .strictObject({
      none: action.default(1.5).describe('The address has no name'),
      fail: action.default(1.5).describe('It has names, and none leads back to it'),
      dynamic: action.default(1).describe('Its name is made of the address, as providers name lines of customers'),
    })
    .prefault({})
    .describe('What the reverse DNS of the client is worth'),
  name: z
    .strictObject({
      syntax: action.default(2).describe('Neither a domain name nor an address literal, RFC 5321 §4.1.1.1'),
      literal: action.default(1).describe('An address literal: right, and what few mail servers say'),
      wrongLiteral: action.default(3).describe('An address literal, of another address'),
      single: action.default(1).describe('A name without a dot'),
      ours: action.default('reject').describe('Our own name or address: nobody but us may say it'),
      unknown: action.default(1).describe('A name that has no address and no mail exchanger'),
    })
    .prefault({})
    .describe('What the name in HELO is worth'),
  ourNames: z
    .array(domainPattern)
    .default([])
    .describe('Further names that are ours; patterns such as `*.example.com`'),
  exempt: z
    .array(network)
    .default(['127.0.0.0/8', '::1', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7', 'fe80::/10'])
    .describe('Networks that are not checked'),
})

export type HeloOptions = z.output<typeof options>
