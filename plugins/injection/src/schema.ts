/** What a program may ask for: the one source of what is checked, and of the description of the interface. */
import { z } from 'zod'

/** RFC 5322 §2.2 and §3.6: nothing that would end a line, in anything that becomes a part of a header section. */
const CONTROL = /[\u0000-\u001f\u007f]/

const text = z
  .string()
  .refine((value) => !/\p{Surrogate}/u.test(value), 'has half a character: a lone surrogate is no Unicode')
const line = text.refine((value) => !CONTROL.test(value), 'is one line, without control characters')

const address = z
  .union([line.min(1).max(1_000), z.strictObject({ address: line.min(1).max(1_000), name: line.max(500).optional() })])
  .meta({ id: 'address', description: '`ann@example.com`, `Ann <ann@example.com>`, or both apart' })
const addresses = z.union([address, z.array(address).max(10_000)]).meta({ id: 'addresses' })

const attachment = z
  .strictObject({
    filename: line.min(1).max(255).optional(),
    content: z.string().describe('Base64, RFC 4648 §4'),
    contentType: line.max(500).default('application/octet-stream').describe('With parameters, if any'),
    cid: line.min(1).max(200).optional().describe('It is shown in the HTML, as `cid:` and this'),
  })
  .meta({ id: 'attachment' })

const variables = z.record(z.string(), z.json()).describe('What the template names. Text in HTML is escaped')

const template = z
  .union([
    line.min(1).max(200).describe('Name of one that the operator has'),
    z.strictObject({ subject: text.optional(), text: text.optional(), html: text.optional() }),
  ])
  .meta({
    id: 'template',
    description: 'Mustache: {{name}} is replaced by the variable, {{#list}}…{{/list}} is repeated',
  })

const tags = z.array(line.min(1).max(100)).max(20)
const metadata = z.record(z.string(), line.max(1_000))

const recipient = z
  .strictObject({ to: address, variables: variables.optional(), metadata: metadata.optional() })
  .meta({ id: 'recipient' })

/** One message. */
export const message = z
  .strictObject({
    from: address.optional(),
    to: addresses.optional(),
    cc: addresses.optional(),
    bcc: addresses.optional().describe('Recipients that no header field names'),
    recipients: z
      .array(recipient)
      .min(1)
      .max(10_000)
      .optional()
      .describe('A message for each of them, in place of to, cc and bcc'),
    replyTo: addresses.optional(),
    returnPath: z
      .union([line.min(1).max(1_000), z.null()])
      .optional()
      .describe('Where bounces go; null: nowhere. Default: the address of from'),
    subject: line.max(5_000).optional(),
    text: text.optional(),
    html: text.optional(),
    template: template.optional(),
    variables: variables.optional(),
    attachments: z.array(attachment).max(100).optional(),
    headers: z
      .record(z.string(), z.union([line, z.array(line).max(50)]))
      .optional()
      .describe('Further fields, such as List-Id or In-Reply-To'),
    raw: text
      .optional()
      .describe('The whole message, in place of all that makes one; with to, or with its own To, Cc and Bcc'),
    at: line
      .max(100)
      .optional()
      .describe('Not before this time: `2026-12-24T18:00:00+01:00` (RFC 3339), or `+2 h` from now'),
    tags: tags.optional().describe('For events; no recipient sees them'),
    metadata: metadata.optional().describe('For events; no recipient sees it'),
    tenant: line.min(1).max(100).optional().describe('Whose mail it is, in events'),
  })
  .meta({ id: 'message' })

/** Many messages. */
export const batch = z
  .strictObject({
    messages: z.array(message).min(1),
    allValid: z
      .boolean()
      .default(false)
      .describe('Nothing is sent unless all of them can be read and may be sent. Default: each for itself'),
  })
  .meta({ id: 'batch' })

const reply = z.object({ code: z.int(), status: z.string().optional(), text: z.string() }).meta({ id: 'reply' })

/** What was taken. */
export const taken = z
  .object({
    id: z.string().describe('Queue id: of the log, of events, and of GET /v1/messages/{id}'),
    messageId: z.string().optional().describe('The Message-ID field, in angle brackets'),
    at: z.iso.datetime().optional().describe('Not before this time'),
    refused: z
      .array(z.object({ address: z.string(), reply }))
      .optional()
      .describe('Recipients that are not written to, while others are'),
  })
  .meta({ id: 'taken' })

/** Why something was not taken. */
export const problem = z
  .object({
    title: z.string(),
    status: z.int(),
    detail: z.string().optional(),
    errors: z
      .array(z.object({ pointer: z.string(), detail: z.string() }))
      .optional()
      .describe('Each fault, at its place'),
    reply: reply.optional().describe('What the server would have said to a client of SMTP'),
  })
  .meta({ id: 'problem', description: 'RFC 9457' })

/** One answer a message, in their order. */
export const results = z
  .object({
    accepted: z.int(),
    refused: z.int(),
    results: z.array(z.union([taken.extend({ status: z.literal(202) }), problem])),
  })
  .meta({ id: 'results' })

/** What has become of one. */
export const state = z
  .object({
    id: z.string(),
    from: z.string(),
    queuedAt: z.iso.datetime(),
    at: z.iso.datetime().optional().describe('It waits for this time'),
    finishedAt: z.iso.datetime().optional(),
    recipients: z.array(
      z.object({
        address: z.string(),
        state: z.string().describe('`pending`, and then `delivered`, `relayed`, `failed`, `expired` or `cancelled`'),
        at: z.iso.datetime().optional(),
        reply: reply.optional().describe('Of the last attempt'),
      }),
    ),
  })
  .meta({ id: 'state' })

/** All of them by the names that the description has for them. */
export const shapes = {
  message,
  batch,
  taken,
  problem,
  results,
  state,
  address,
  addresses,
  attachment,
  recipient,
  template,
}

export type MessageInput = z.output<typeof message>
export type FileInput = z.output<typeof attachment>
export type AddressInput = z.output<typeof address>
