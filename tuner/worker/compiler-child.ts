/** Entry of a process that compiles ahead of a worker. */
import { openDevice } from '../../runtime/index.js';
import { compileAhead } from './compiler.js';

compileAhead(openDevice);
