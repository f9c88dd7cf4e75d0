/** What can go wrong with a queue: what each code means, and what to do. Part of docs/errors.md. */
export const QUEUE_ERRORS = {
  ERR_QUEUE_CORRUPT: {
    summary:
      'An entry of the queue cannot be read, or its octets are not what was written. It is set aside, and everything else goes on.',
    fix: '`postroad queue corrupt` lists what was set aside; look at the disk, or at the shared folder of content. Nothing is deleted.',
  },
  ERR_QUEUE_IO: {
    summary:
      'The queue could not be read or written for now: no room, no right, an error of the disk, Redis is away. Clients are told to try again.',
    fix: 'Mend what the message and its cause name; the queue goes on by itself.',
  },
  ERR_QUEUE_DUPLICATE: {
    summary:
      'A message with the same idempotency key was taken before. The queue answers for that one, and takes no second.',
    fix: 'Nothing: whoever sent it again hears the id of the first.',
  },
  ERR_QUEUE_FORMAT: {
    summary: 'A newer version wrote the queue. Nothing is touched.',
    fix: 'Start the version that wrote it, or a newer one.',
  },
  ERR_QUEUE_CLOSED: {
    summary: 'The queue was closed: the server is ending, or a reload has put another in its place.',
    fix: 'Nothing: the mail is where it was. A program that uses a store itself stops using it after `close()`.',
  },
  ERR_QUEUE_UNSAFE: {
    summary:
      'To open the queue would lose mail or kill the process: its file is damaged or foreign, or Redis may forget what it was told.',
    fix: 'Do what the message says: keep a copy of the folder and put a backup in its place, or give Redis the settings it names.',
  },
} as const

/** Code of a `QueueError`. */
export type QueueErrorCode = keyof typeof QUEUE_ERRORS
