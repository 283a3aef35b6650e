/**
 * Runs on a thread of its own in the child of a worker. The parent holds the other end of a pipe and never writes: the pipe
 * ends when the parent does, however it ends. The main thread may be caught in a call that never returns, so that only a
 * signal that nothing can catch ends the process for sure.
 */
import { Socket } from 'node:net';
import { WATCH_FD } from './watch-fd.js';

const parent = new Socket({ fd: WATCH_FD, readable: true, writable: false });
const end = (): void => void process.kill(process.pid, 'SIGKILL');
parent.on('end', end).on('error', end).on('close', end).resume();
