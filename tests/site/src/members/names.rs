//! Common Italian, Swedish and English names, in this order everywhere.

/// First names of women, then of men, by language.
pub(super) const WOMEN_AND_MEN: [[&[&str]; 3]; 2] = [
    [
        &["Anna", "Giulia", "Chiara", "Francesca", "Sara", "Martina", "Elena", "Maria Pia", "Lucia", "Beatrice"],
        &["Åsa", "Elin", "Karin", "Linnéa", "Maja", "Sofia", "Ebba", "Frida", "Ingrid", "Märta"],
        &["Emma", "Olivia", "Grace", "Charlotte", "Alice", "Lucy", "Hannah", "Zoe", "Ruby", "Mary-Jane"],
    ],
    [
        &["Marco", "Luca", "Matteo", "Davide", "Niccolò", "Andrea", "Paolo", "Simone", "Giuseppe", "Pietro"],
        &["Björn", "Erik", "Göran", "Lars", "Nils", "Oskar", "Anders", "Håkan", "Jörgen", "Axel"],
        &["James", "Oliver", "Harry", "Thomas", "George", "Jack", "Henry", "Samuel", "Arthur", "Noah"],
    ],
];

/// Family names by language.
pub(super) const FAMILY: [&[&str]; 3] = [
    &["Rossi", "Bianchi", "Ferrari", "Russo", "D'Angelo", "De Luca", "Colombo", "Ricci", "Marino", "Bruno", "Lo Re"],
    &["Andersson", "Johansson", "Öberg", "Åkesson", "Lindström", "Nyström", "Bergman", "Ek", "Sjöberg", "Holm"],
    &["Smith", "Jones", "O'Brien", "Taylor", "Brown", "Wilson", "Smith-Jones", "Walker", "Wright", "Green"],
];

/// A street by language.
pub(super) const STREETS: [&str; 3] = ["Via Roma", "Storgatan", "High Street"];
