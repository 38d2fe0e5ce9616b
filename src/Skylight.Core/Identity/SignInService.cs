using Skylight.Core.Audit;
using Skylight.Core.Documents;

namespace Skylight.Core.Identity;

/// <summary>Outcome of a sign-in. A wrong password, an unknown name, a closed account and one without a password are one and the same.</summary>
/// <param name="RetryAfter">Set when too many attempts failed; nothing was checked.</param>
public sealed record SignIn(Account? Account, TimeSpan? RetryAfter);

/// <summary>Sign-in with a name and a password or client secret.</summary>
public sealed class SignInService(
    AccountDirectory accounts, PasswordHashing hashing, SignInThrottle throttle, IAuditLog audit, TimeProvider time)
{
    /// <param name="kind">People and programs have different doors; an account of the other kind is unknown here.</param>
    /// <param name="address">Where the attempt comes from.</param>
    public async ValueTask<SignIn> SignInAsync(string signInName, string password, AccountKind kind, string address, CancellationToken cancellationToken)
    {
        if (signInName.Length > 128 || password.Length > 256) return new(null, null);

        // A program's secret is generated and beyond guessing: a lock on its name would only let strangers stop a hospital's uploads.
        var lockable = kind == AccountKind.Person ? signInName : null;
        if (await throttle.BeginAsync(lockable, address, cancellationToken) is { } wait) return new(null, wait);
        var stored = await accounts.FindBySignInNameAsync(signInName, cancellationToken);
        var usable = stored?.Value is { DisabledAt: null } account && account.Kind == kind;
        var check = hashing.Check(usable ? stored!.Value.PasswordHash : null, password);
        if (check == PasswordCheck.Wrong)
        {
            await RecordAsync(stored?.Value, "failed", cancellationToken);
            return new(null, null);
        }

        if (check == PasswordCheck.RightButOld) await RehashAsync(stored!, password, cancellationToken);
        await throttle.SucceededAsync(lockable, address, cancellationToken);
        await RecordAsync(stored!.Value, "done", cancellationToken);
        return new(stored.Value, null);
    }

    private async ValueTask RehashAsync(Stored<Account> stored, string password, CancellationToken cancellationToken)
    {
        try
        {
            await accounts.RehashAsync(stored, password, cancellationToken);
        }
        catch (DocumentConflictException)
        {
            // Changed by someone else just now: the next sign-in renews the hash.
            return;
        }
    }

    // Attempts on names that do not exist go to the operator's chain; they name nobody.
    private async ValueTask RecordAsync(Account? account, string outcome, CancellationToken cancellationToken) =>
        await audit.AppendAsync(
            account?.Institution ?? Access.Actor.PlatformInstitution,
            new AuditEvent(1, time.GetUtcNow(), account?.Subject, account?.Institution, [], null, "signIn", null, null, null, null, null, [], null, outcome),
            cancellationToken);
}
