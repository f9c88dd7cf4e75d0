/** The page on a server that is made up: its screens, its keys, and the states that a real one is in too seldom. */
import './screens.ts'
import './keyboard.ts'
import './states.ts'
