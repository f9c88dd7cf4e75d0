/**
 * Workers of one server: what is asked of one of them is often about all. A scrape of metrics, a page or a command reaches one
 * worker; that one asks the others and answers for all.
 *
 * They find each other by their UNIX sockets in a folder that they share. A socket is named after the supervisor, what it is for, and the
 * process; that of a worker which is gone is removed by whoever finds that nobody listens there.
 *
 * `siblings.ts` is all there is, and where to begin: `Siblings.join` listens, `ask` collects answers with patience, `open` follows a
 * stream. Who may ask is said by the permissions of the folder, which is the server's own.
 *
 * A worker that is busy is left out of an answer, which says so: asked, answered.
 */
export { Siblings } from './siblings.ts'
