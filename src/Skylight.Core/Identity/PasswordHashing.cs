using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace Skylight.Core.Identity;

public enum PasswordCheck
{
    Wrong,
    Right,

    /// <summary>Right, but hashed with older parameters.</summary>
    RightButOld,
}

/// <summary>Passwords by ASP.NET Core Identity's hasher (PBKDF2-HMAC-SHA512, salt and parameters inside the hash).</summary>
public sealed class PasswordHashing
{
    private static readonly object NoUser = new();
    private readonly PasswordHasher<object> _hasher;
    private readonly Lazy<string> _nobody;

    public PasswordHashing(IOptions<IdentityOptions> options)
    {
        _hasher = new(Options.Create(new PasswordHasherOptions { IterationCount = options.Value.HashIterations }));
        _nobody = new(() => Hash("no account has this password"));
    }

    public string Hash(string password) => _hasher.HashPassword(NoUser, password);

    /// <summary>Checks a password. Without a hash (no such account) the same work is done and the answer is wrong.</summary>
    public PasswordCheck Check(string? hash, string password)
    {
        var result = _hasher.VerifyHashedPassword(NoUser, hash ?? _nobody.Value, password);
        return hash is null ? PasswordCheck.Wrong : result switch
        {
            PasswordVerificationResult.Success => PasswordCheck.Right,
            PasswordVerificationResult.SuccessRehashNeeded => PasswordCheck.RightButOld,
            _ => PasswordCheck.Wrong,
        };
    }
}
