// Every text that the exam page shows, in one place for translation.
import type { Tone } from "@veritas/shared/ui/index.ts";
import type { Enrolment } from "./types.ts";

const count = (n: number, noun: string): string => `${n} ${n === 1 ? noun : `${noun}s`}`;

export const texts = {
  pageName: "Veritas exam",
  brand: "Veritas",
  title: (title: string) => `${title} · Veritas`,
  backToExams: "Back to your exams",
  points: (n: number) => count(n, "point"),
  loading: {
    page: "Loading…",
    exam: "Opening your exam…",
    exams: "Loading your exams…",
    retrying: "Trying again every few seconds.",
    tryAgain: "Try again",
  },
} as const;

export const signInTexts = {
  title: "Sign in",
  heading: "Sign in to your exam",
  ways: "How to sign in",
  withCode: "With a code",
  withPassword: "With a password",
  nothingRecorded: "Nothing is recorded until you have read what will be recorded and have started the exam.",
  code: "Your code",
  codeHelp: "You received it from your teacher, for example 7K2M-9QXA-04RT-B6WE. Spaces and capitals do not matter.",
  codeMissing: "Enter your code.",
  codeWrong: "This code is not valid. Check it and try again.",
  username: "Username",
  usernameMissing: "Enter your username.",
  password: "Password",
  passwordMissing: "Enter your password.",
  passwordWrong: "The username or password is wrong. Check both and try again.",
  submit: "Sign in",
} as const;

export const listTexts = {
  heading: "Your exams",
  empty: "You have no exams",
  emptyHelp: "If you expect one, ask your teacher. Then load the list again.",
  reload: "Load again",
  states: {
    running: { text: "In progress", tone: "accent" },
    open: { text: "Open", tone: "good" },
    upcoming: { text: "Not open yet", tone: "info" },
    closed: { text: "Closed", tone: "neutral" },
    done: { text: "Handed in", tone: "neutral" },
  } satisfies Record<Enrolment["state"], { text: string; tone: Tone }>,
  teacher: "Teacher:",
  opens: (when: string) => `Opens ${when}.`,
  startUntil: (when: string) => `You can start until ${when}.`,
  ends: (when: string) => `Ends ${when}.`,
  readAndStart: "Read the notice and start",
  continue: "Continue",
  openResult: "Open receipt and result",
} as const;

export const dataTexts = {
  heading: "Your data",
  help: "Download everything that is stored about you. To have something corrected or erased, ask your school.",
  page: "Download a page to read",
  json: "Download as JSON",
} as const;

export const noticeTexts = {
  unavailableTitle: "Exam",
  unavailable: "You cannot start this exam now",
  unavailableHelp: "It may not be open yet, or it may be over.",
  subject: "Subject",
  time: "Time",
  fromStart: (span: string) => `${span} from your start`,
  closes: "Closes",
  yourTimeEnds: "Your time ends",
  recordedHeading: "What is recorded during the exam",
  answersOnly: "Your answers, and when you gave or changed each of them.",
  neverRecorded:
    "No images from a camera, no sound and no content of your screen are recorded. A teacher decides what the record means, never a program. You can read your record after the exam.",
  whoSees: "Who sees it",
  keptFor: "Kept for",
  rights: "Your rights",
  changed: "The notice has changed since you opened it. Read it again, then start.",
  keptDays: (days: number) => `${count(days, "day")} after the grade is final`,
  goodToKnow: "Good to know",
  points: [
    "Your answers are saved on the server while you work. The page always shows whether they are saved.",
    "If you lose the connection, keep working. Your answers are stored on this device and sent when the connection is back.",
    "If this device fails, sign in on another one. Your answers and the clock continue there.",
    "The server keeps the time. The clock does not stop while you are away.",
  ],
  fullscreenPoint: "The exam runs in fullscreen. The Escape key leaves fullscreen, and leaving it is recorded.",
  confirm: (isRunning: boolean) => `I have read what is recorded and want to ${isRunning ? "continue" : "start"}.`,
  confirmFirst: "To start, confirm that you have read what is recorded.",
  start: (span: string) => `Start exam · ${span}`,
  continue: "Continue exam",
  notNow: "Not now",
} as const;

export const storageTexts = {
  blocked: (host: string) =>
    `Your browser blocks the data of this page. Before you start, allow site data and cookies for ${host} in the settings of the browser and load the page again, or use another browser.`,
  without:
    "The exam also works without them. But changes that the server has not saved are lost when the page is closed, and you may have to sign in again during the exam.",
} as const;

export const examTexts = {
  connecting: "Connecting to the server…",
  connectingHelp: "This exam is monitored. Your questions appear as soon as this page is connected.",
  cannotConnect: "The connection does not work yet. The page keeps trying.",
  cannotConnectHelp:
    "If it takes longer than a minute, ask your invigilator. They can let you work without it. Your questions then appear by themselves.",
  timeLeft: "Time left",
  minutesLeft: (n: number) => (n === 1 ? "One minute left." : `${n} minutes left.`),
  timeOver: "Your time is over. The server is handing in your answers…",
  messageFromTeacher: "Message from your teacher",
  announceMessage: (text: string) => `Message from your teacher: ${text}`,
  messages: "Messages",
  messageCount: (n: number) => count(n, "message"),
  messageRead: "I have read it",
  sentAt: (time: string) => `Sent at ${time}`,
  refused: (reason: string) =>
    `The server refuses the connection (${reason}). Your answers are still on this page. Reload the page or ask for help.`,
  signedOut: "You are signed out. Sign in again to continue. Everything you have written is still here.",
  signInAgain: "Sign in again",
  fullscreenHelp: "This exam should be taken in fullscreen.",
  enterFullscreen: "Enter fullscreen",
  elsewhereTitle: "Open in another place",
  elsewhere: (isTab: boolean) =>
    `This exam is open in ${isTab ? "another tab of this browser" : "another window or on another device"}`,
  elsewhereHelp:
    "You can use an exam in one place at a time. If you continue here, your answers are moved here, and the exam closes in the other place.",
  continueHere: "Continue here",
  questions: "Questions",
  answeredOf: (done: number, all: number) => `${done} of ${all} answered`,
  answeredProgress: "Answered questions",
  answered: "answered",
  notAnswered: "not answered",
  noQuestions: "This exam has no questions. Please contact your teacher.",
  question: (number: number) => `Question ${number}`,
  ofQuestions: (all: number) => `of ${all}`,
  back: "Back",
  next: "Next",
} as const;

export const stayTexts = {
  heading: "You are still in your exam",
  help: "Going back does not end the exam, and your answers are kept. You can leave it for now and continue later. The clock keeps running while you are away, and leaving is recorded.",
  stay: "Stay in the exam",
  leave: "Leave for now",
} as const;

export const conflictTexts = {
  heading: "This answer was changed in two places. Choose the one that is right. You can change it afterwards.",
  here: "On this device, before it was connected again",
  there: (time: string) => `In another place, saved at ${time}`,
  use: "Use this answer",
  empty: "No answer",
} as const;

export const answerTexts = {
  chooseOne: "Choose one",
  chooseAll: "Choose all that apply",
  number: "Your answer (number)",
  numberHelp: "Use a point or a comma for decimals, for example 3.14 or 3,14.",
  notANumber: "This is not a number. It is not saved.",
  readAs: (value: number) => `= ${value}`,
  twoMeanings: (value: number, other: number) =>
    `= ${value}, or do you mean ${other}? Until you choose, ${value} is saved.`,
  choose: (value: number) => String(value),
  text: "Your answer",
  words: (n: number) => count(n, "word"),
  room: (n: number) => `space for about ${count(n, "more character")}`,
} as const;

const changes = (n: number): string => count(n, "change");

export const savingTexts = {
  connected: "Connected",
  pending: (n: number) => `Not saved yet: ${changes(n)}`,
  saved: (ago: string) => `Saved on the server ${ago}`,
  savedSpoken: "Saved on the server.",
  refused: (n: number) =>
    `${n === 1 ? "One answer was" : `${n} answers were`} not saved: too long, or not readable by the server. Change the text or ask for help.`,
  signedOut: (rest: string) => `Signed out. ${rest}`,
  offline: (rest: string) => `Offline. ${rest}`,
  connecting: (rest: string) => `Connecting… ${rest}`,
  nothingToSend: "Nothing to send.",
  allSaved: "Everything so far is saved on the server.",
  storing: (n: number) => `${changes(n)} ${n === 1 ? "is" : "are"} being stored on this device…`,
  stored: (n: number) => `${changes(n)} ${n === 1 ? "is" : "are"} stored on this device.`,
  onlyInPage: (n: number) => `${changes(n)} ${n === 1 ? "is" : "are"} only in this open page. Do not close it.`,
} as const;

export const handInTexts = {
  open: "Hand in…",
  heading: "Hand in your exam?",
  warning: "You cannot change anything after you hand in.",
  close: "Close",
  keepWorking: "Keep working",
  confirm: "Hand in now",
  steps: {
    no: "",
    saving: "Saving your last answers…",
    sending: "Handing in…",
    waiting: "Handing in… Many students are handing in right now. Keep this page open.",
    retrying: "The server cannot be reached. Keep this page open. We will try again until it works.",
  },
  allAnswered: (n: number) => {
    if (n === 0) return "There are no questions.";
    return n === 1 ? "The question is answered." : `All ${n} questions are answered.`;
  },
  missing: (n: number) => (n === 1 ? "One question has no answer:" : `${n} questions have no answer:`),
  notSaved: "The current text of these questions is not saved:",
} as const;
