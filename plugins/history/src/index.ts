/** Keeps the records of the server, so that `postroad why` can say what became of a mail. */
export { history } from './history.ts'
