/** What attachments really are, and what is in archives and documents. */
export { type AttachmentFindings, type AttachmentSignal, attachmentFindings, attachments } from './attachments.ts'
