/** `POST /api/v1/send`: from Mailpit's JSON to a message. */
import type { ComposedMail, SentMail } from '@postroad/plugin'
import MailComposer from 'nodemailer/lib/mail-composer'
import { z } from 'zod'

/** Sends into this server. */
export type Sender = (mail: ComposedMail) => Promise<SentMail>

const person = z.object({ Name: z.string().optional(), Email: z.string().min(1) })
const people = z.array(person).nullish()
const sending = z.object({
  From: person,
  To: people,
  Cc: people,
  Bcc: z.array(z.string()).nullish(),
  ReplyTo: people,
  Subject: z.string().optional(),
  Text: z.string().optional(),
  HTML: z.string().optional(),
  Attachments: z
    .array(
      z.object({
        Content: z.string(),
        Filename: z.string(),
        ContentType: z.string().optional(),
        ContentID: z.string().optional(),
      }),
    )
    .nullish(),
  Tags: z.array(z.string()).nullish(),
  Headers: z.record(z.string(), z.string()).nullish(),
})

/** What is to be sent; a sentence when it cannot be. */
export function readSending(body: unknown): z.output<typeof sending> | string {
  const { success, data, error } = sending.safeParse(body)
  if (!success) return error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')
  if (![data.To, data.Cc, data.Bcc].some((list) => (list?.length ?? 0) > 0)) return 'To: nobody is to get it'
  return data
}

/** The message. Nothing of it is a file or an address that is opened. */
export function compose(mail: z.output<typeof sending>): ComposedMail {
  const named = (list: typeof mail.To) => (list ?? []).map(({ Name: name = '', Email: address }) => ({ name, address }))
  const composer = new MailComposer({
    from: { name: mail.From.Name ?? '', address: mail.From.Email },
    to: named(mail.To),
    cc: named(mail.Cc),
    bcc: [...(mail.Bcc ?? [])],
    replyTo: named(mail.ReplyTo),
    subject: mail.Subject ?? '',
    text: mail.Text ?? '',
    ...(mail.HTML !== undefined && mail.HTML !== '' && { html: mail.HTML }),
    headers: { ...mail.Headers, ...(mail.Tags?.length && { 'X-Tags': mail.Tags.join(', ') }) },
    attachments: (mail.Attachments ?? []).map(({ Content, Filename, ContentType, ContentID }) => ({
      content: Buffer.from(Content, 'base64'),
      filename: Filename,
      ...(ContentType && { contentType: ContentType }),
      ...(ContentID && { cid: ContentID, contentDisposition: 'inline' as const }),
    })),
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  return composer.compile()
}
