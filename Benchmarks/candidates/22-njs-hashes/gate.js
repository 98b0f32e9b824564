import crypto from 'crypto';

// Hex SHA-256 of the presented key; of the empty string when there is none, which no map entry has.
const digest = (r) => {
    const sum = crypto.createHash('sha256');
    sum.update(r.headersIn['X-API-Key'] || '');
    return sum.digest('hex');
};

const decide = (r) => r.return(r.variables.organization === '' ? 401 : 204);

export default { digest, decide };
