/** Entry of the child process of a worker. */
import { openDevice } from '../../runtime/index.js';
import { serve } from './serve.js';

serve(openDevice);
