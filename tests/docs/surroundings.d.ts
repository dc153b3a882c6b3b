// Names that the text around a snippet explains.

declare const button: HTMLButtonElement;
declare const greeting: HTMLElement;
