"""The columns of a roster file, by the names that spreadsheets and student systems give them. Pure.

A column must never be guessed from its cells. A name that is not in the table is not read, and the answer says so.
"""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final
from unicodedata import normalize

import msgspec


class Column(StrEnum):
    """What a column can be. First and last name become the name."""

    USERNAME = "username"
    NAME = "name"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    EMAIL = "email"
    ENROLLMENT_ID = "enrollment_id"
    COHORT = "cohort"


_NAMES: Final[Mapping[Column, str]] = {
    Column.USERNAME: """
        username, user, user name, user id, userid, uid, login, login id, login name, sis login id, account, net id,
        benutzername, benutzer, benutzerkennung, anmeldename, kennung, nutzername, identifiant, utilisateur,
        nom d'utilisateur, usuario, nombre de usuario, nome utente, utente, utilizador, nome de usuário, gebruikersnaam,
        gebruiker, användarnamn, brukernavn, brugernavn, käyttäjätunnus, nazwa użytkownika, uživatelské jméno,
        kullanıcı adı, логин, имя пользователя, ім'я користувача, 用户名, 用戶名, ユーザー名, 사용자 이름
    """,
    Column.NAME: """
        name, full name, fullname, display name, student, student name, vollständiger name, nom complet,
        nombre completo, nome completo, volledige naam, naam, namn, navn, nimi, imię i nazwisko, jméno a příjmení,
        ad soyad, фио, полное имя, повне ім'я, піб, 姓名, 氏名, 이름
    """,
    Column.FIRST_NAME: """
        first name, firstname, given name, forename, first names, vorname, vornamen, prénom, nombre, nombres, nome,
        voornaam, förnamn, fornavn, etunimi, imię, jméno, ad, имя, ім'я, 名
    """,
    Column.LAST_NAME: """
        last name, lastname, surname, family name, nachname, familienname, zuname, nom, nom de famille, apellido,
        apellidos, cognome, apelido, sobrenome, achternaam, efternamn, etternavn, efternavn, sukunimi, nazwisko,
        příjmení, soyad, фамилия, прізвище, 姓
    """,
    Column.EMAIL: """
        email, e mail, mail, email address, e mail address, email adresse, e mail adresse, mailadresse, courriel,
        adresse e mail, adresse électronique, correo, correo electrónico, posta elettronica, indirizzo email,
        endereço de email, e mailadres, e postadress, e post, sähköposti, adres e mail, e posta,
        электронная почта, почта, електронна пошта, 电子邮件, 邮箱, メールアドレス, 이메일
    """,
    Column.ENROLLMENT_ID: """
        enrollment id, enrolment id, enrollment number, enrolment number, id number, student id, student number,
        student no, student id number, sis user id, sis id, registration number, matriculation number, matrikelnummer,
        matrikel nr, matrikelnr, matrikel, numéro d'étudiant, numéro étudiant, matricule,
        número de matrícula, matrícula, matricola, numero di matricola,
        studentnummer, studienummer, opiskelijanumero, numer albumu, nr albumu,
        osobní číslo, öğrenci no, öğrenci numarası, номер студенческого билета, табельный номер,
        学号, 學號, 学籍番号, 학번
    """,
    Column.COHORT: """
        cohort, class, group, groups, section, course, klasse, gruppe, kohorte, jahrgang, groupe, classe, grupo, clase,
        curso, gruppo, turma, groep, klas, klass, grupp, luokka, ryhmä, grupa, klasa, skupina, třída, sınıf, grup,
        группа, класс, група, клас, 班级, 班級, クラス, 반
    """,
}
_SEPARATORS: Final = re.compile(r"[\s_.:/()\-\u2010-\u2015]+")


def fold(text: str) -> str:
    """Return the form in which names of columns are compared: without case, and with one space for all separators."""
    folded = normalize("NFC", normalize("NFC", text).casefold()).replace("\u2019", "'")
    return _SEPARATORS.sub(" ", folded).strip()


_COLUMNS: Final[Mapping[str, Column]] = {
    fold(name): column for column, names in _NAMES.items() for name in names.split(",")
}


class Header(msgspec.Struct, frozen=True):
    """The columns of a file by their index, and the indices of those that are not read."""

    columns: dict[int, Column]
    unread: list[int]
    twice: list[int]
    """Indices of columns that mean the same as an earlier one."""

    missing: list[str]
    """What the header must have and has not, in words."""


def is_header(cells: Sequence[str]) -> bool:
    """Return whether a row names at least one column that we know."""
    return any(fold(cell) in _COLUMNS for cell in cells)


def read_header(cells: Sequence[str]) -> Header:
    """Read the first row of a file.

    Beside a first name and without a last name, `name` is the last name, as in many German lists. Beside a full name,
    first and last names are not read.
    """
    columns: dict[int, Column] = {}
    unread: list[int] = []
    twice: list[int] = []
    for index, cell in enumerate(cells):
        column = _COLUMNS.get(fold(cell))
        if column is None:
            unread.append(index)
        elif column in columns.values():
            twice.append(index)
        else:
            columns[index] = column
    found = set(columns.values())
    if {Column.NAME, Column.FIRST_NAME} <= found and Column.LAST_NAME not in found:
        columns = {index: Column.LAST_NAME if column is Column.NAME else column for index, column in columns.items()}
    elif Column.NAME in found:
        unread += [index for index, column in columns.items() if column in (Column.FIRST_NAME, Column.LAST_NAME)]
        columns = {index: column for index, column in columns.items() if index not in unread}
    return Header(columns, sorted(unread), twice, _find_missing(set(columns.values())))


def _find_missing(found: set[Column]) -> list[str]:
    missing = []
    if not found & {Column.USERNAME, Column.ENROLLMENT_ID}:
        missing.append("username")
    if not found & {Column.NAME, Column.FIRST_NAME, Column.LAST_NAME}:
        missing.append("name")
    return missing
