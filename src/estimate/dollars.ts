/** An amount of US dollars for people; less than a cent is said so. */
export const dollars = (amount: number): string =>
  amount > 0 && amount < 0.01
    ? "< $0.01"
    : `$${amount.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
