#!/usr/bin/env node
// A file that is there before the build, so that npm can link the command at once.
import '../dist/bin.js'
