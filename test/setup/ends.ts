import { afterAll } from 'vitest';
import { endFile } from './temporary.js';

// Here, since this runs for each file: a helper that several files share is loaded once, and has the hooks of one of them.
afterAll(endFile);
