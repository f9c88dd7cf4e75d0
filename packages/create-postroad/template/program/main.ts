import { start } from './inbox.ts'

const { port } = await start(async (mail) => console.log(mail))
console.log(`Mail for anyone@example.test: 127.0.0.1:${port}`)
