/** The descriptor of the pipe whose end tells a child that its parent is gone. */
export const WATCH_FD = 4;
